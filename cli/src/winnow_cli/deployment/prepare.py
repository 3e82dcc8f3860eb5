"""What the services rely on when they start: topics, schemas, the first policy, bucket, database and tables."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from winnow.errors import DependencyDown
from winnow.events import SelectionPolicy
from winnow.objects import Objects
from winnow.settings import DatabaseSettings, KafkaSettings, ObjectSettings, load
from winnow_cli.deployment.apply import Contract


def prepare(first_policy: SelectionPolicy | None = None) -> None:
    """Makes all of it for the settings in the environment; may be repeated, and changes nothing then.

    `first_policy` becomes the default where there is none yet. Raises `Refused`, `DependencyDown`.
    """
    with ThreadPoolExecutor(1) as beside:
        storage = beside.submit(prepare_storage)
        prepare_contract(first_policy)
        storage.result()


def prepare_contract(first_policy: SelectionPolicy | None = None) -> None:
    """The part that ingest and the selector rely on: topics, schemas and the first policy."""
    Contract(load(KafkaSettings)).apply(first_policy)


def prepare_storage() -> None:
    """The part that the store and the ledger rely on: bucket, database and tables."""
    import ledger.app
    import store.app

    Objects(load(ObjectSettings)).ensure_bucket()
    settings = load(DatabaseSettings)
    asyncio.run(_ensure_database(settings))
    store.app.migrate(settings)
    ledger.app.migrate(settings)


async def _ensure_database(settings: DatabaseSettings) -> None:
    try:
        connection = await asyncpg.connect(
            host=settings.postgres_host,
            port=settings.postgres_port,
            user=settings.postgres_user,
            password=settings.postgres_password.get_secret_value(),
            database="postgres",
        )
    except (OSError, asyncpg.PostgresError) as error:
        raise DependencyDown(f"PostgreSQL: {error}") from error
    try:
        found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", settings.postgres_database)
        if not found:
            name = settings.postgres_database.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.DuplicateDatabaseError:
        pass  # another one prepares at the same time
    finally:
        await connection.close()
