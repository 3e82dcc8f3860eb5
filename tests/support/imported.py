"""What services take long to get ready for, done once: imported by the process that they are forked from."""

import ingest.app  # noqa: F401
import ledger.app  # noqa: F401
import store.app  # noqa: F401
from selector.app import warm_up

warm_up()
