"""Exit codes, and how an error with an explanation is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

FAILED = 1
"""It does not hold, or it failed."""

NOT_RUNNING = 3
"""The command speaks to a running stack, and there is none."""

INTERRUPTED = 130


class Explained(Exception):
    """An error whose message says what happened, what was kept and what to do: no traceback adds to it."""

    exit_code: ClassVar[int] = FAILED


@contextmanager
def explained() -> Iterator[None]:
    """Turn an `Explained` error, or one of Winnow's own, into its message on stderr and its exit code."""
    from winnow.errors import WinnowError

    try:
        yield
    except Explained as error:
        print(f"winnow: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except WinnowError as error:
        print(f"winnow: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
