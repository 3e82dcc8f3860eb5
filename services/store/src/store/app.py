"""The store: selected frames into objects, rows and image events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from store.adapters.announcer import Announcer
from store.handler import StoreHandler
from store.settings import Settings
from winnow import db
from winnow.codec import Codec
from winnow.db import Database
from winnow.health import Health, HealthServer
from winnow.kafka.consumer import ConsumerLoop
from winnow.kafka.producer import Publisher
from winnow.objects import Objects
from winnow.references import References
from winnow.settings import DatabaseSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: DatabaseSettings) -> None:
    """Makes or updates the store's tables. Raises `DependencyDown`."""
    db.migrate(settings, MIGRATIONS, "store_alembic_version")


@contextmanager
def handler(settings: Settings) -> Iterator[StoreHandler]:
    """The store's handler with its connections, closed in the end."""
    with ExitStack() as stack:
        database = Database(settings)
        stack.callback(database.close)
        objects = Objects(settings)
        codec = Codec(settings.registry_url)
        publisher = Publisher(settings, client_id="store")
        announcer = Announcer(publisher, codec, database, topic=settings.names.images)
        references = References(settings)
        yield stack.enter_context(
            StoreHandler(
                names=settings.names,
                codec=codec,
                objects=objects,
                references=references,
                database=database,
                publisher=publisher,
                announcer=announcer,
                threads=settings.store_threads,
            )
        )


@contextmanager
def build(settings: Settings) -> Iterator[ConsumerLoop]:
    """The service as it runs."""
    with ExitStack() as stack:
        health = Health()
        server = HealthServer(health, settings.health_host, settings.health_port)
        stack.callback(server.close)
        yield ConsumerLoop(
            settings,
            group=settings.names.group("store"),
            topics=[settings.names.selected],
            handler=stack.enter_context(handler(settings)),
            health=health,
            client_id="store",
            batch_max=settings.store_batch_max,
            linger_s=settings.store_linger_s,
        )
