"""The ledger: verdicts into Parquet, gaps and camera status; and the tables it keeps them in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ledger.adapters.frames import FramesTopic
from ledger.handler import LedgerHandler
from ledger.settings import ReaderSettings, Settings
from winnow import db
from winnow.codec import Codec
from winnow.db import Database
from winnow.health import Health, HealthServer
from winnow.kafka.consumer import ConsumerLoop
from winnow.kafka.producer import Publisher
from winnow.objects import Objects
from winnow.settings import DatabaseSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: DatabaseSettings) -> None:
    """Makes or updates the ledger's tables. Raises `DependencyDown`."""
    db.migrate(settings, MIGRATIONS, "ledger_alembic_version")


@contextmanager
def handler(settings: ReaderSettings) -> Iterator[LedgerHandler]:
    """The ledger's handler with its connections, closed in the end."""
    database = Database(settings)
    try:
        yield LedgerHandler(
            names=settings.names,
            codec=Codec(settings.registry_url),
            objects=Objects(settings),
            database=database,
            frames=FramesTopic(settings, client_id="ledger-gaps"),
            publisher=Publisher(settings, client_id="ledger"),
        )
    finally:
        database.close()


@contextmanager
def build(settings: Settings) -> Iterator[ConsumerLoop]:
    """The service as it runs."""
    with ExitStack() as stack:
        health = Health()
        server = HealthServer(health, settings.health_host, settings.health_port)
        stack.callback(server.close)
        yield ConsumerLoop(
            settings,
            group=settings.names.group("ledger"),
            topics=[settings.names.verdicts, settings.names.state],
            handler=stack.enter_context(handler(settings)),
            health=health,
            client_id="ledger",
            batch_max=settings.ledger_batch_max,
            linger_s=settings.ledger_linger_s,
        )
