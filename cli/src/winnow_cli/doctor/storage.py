"""Object storage and PostgreSQL: whether they do what the services ask of them."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory

import ledger.app
import store.app
from winnow.clock import now
from winnow.db import UNREACHABLE
from winnow.objects import Objects
from winnow.settings import DatabaseSettings, ObjectSettings
from winnow_cli.doctor.finding import Answer, ok, wrong

PREFIX = "doctor/"
PROBE = b"winnow doctor"
LEFT_AFTER = timedelta(hours=1)
"""A probe this old is of a doctor that was killed."""

CONNECT_TIMEOUT_S = 2.0

TABLES = {
    "store": (store.app.MIGRATIONS, "store_alembic_version"),
    "ledger": (ledger.app.MIGRATIONS, "ledger_alembic_version"),
}


def objects(settings: ObjectSettings) -> Answer:
    """Writes, reads and deletes an object of its own. Raises `DependencyDown`."""
    storage = Objects(settings)
    where = f"{settings.s3_endpoint}, bucket {settings.s3_bucket}"
    found = storage.listing(PREFIX, bucket=settings.s3_bucket)
    if found is None:
        return wrong(
            f"{where}: there is no such bucket", "`winnow up` makes it; elsewhere make it, or WINNOW_S3_BUCKET"
        )
    storage.delete(left.key for left in found if left.modified_at < now() - LEFT_AFTER)
    key = f"{PREFIX}{uuid.uuid4().hex}"
    try:
        storage.put(key, PROBE, "text/plain")
        read = storage.get(key)
    finally:
        storage.delete([key])
    if read != PROBE:
        return wrong(f"{where}: what was written is not what is read", "look at the object storage's own log")
    return ok(f"{where}: written, read, deleted")


def database(settings: DatabaseSettings) -> Answer:
    """Connects, and compares the services' migrations with those that this version has."""
    return asyncio.run(_database(settings))


async def _database(settings: DatabaseSettings) -> Answer:
    where = f"{settings.postgres_host}:{settings.postgres_port}, database {settings.postgres_database}"
    mend = "`winnow logs postgres`; for a server of your own WINNOW_POSTGRES_…"
    try:
        connection = await connect(settings)
    except asyncpg.InvalidCatalogNameError:
        return wrong(f"{where}: there is no such database", "`winnow up` makes it; elsewhere WINNOW_POSTGRES_DATABASE")
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        return wrong(f"{where} refuses user {settings.postgres_user}: {error}", "WINNOW_POSTGRES_USER and its password")
    except UNREACHABLE as error:
        return wrong(f"{where} does not answer: {error or type(error).__name__}", mend)
    try:
        behind = []
        for service, (scripts, table) in TABLES.items():
            there = await _revision(connection, table)
            if there != (head := _head(scripts)):
                behind.append(f"the {service}'s tables are at {there or 'nothing'}, not {head}")
    finally:
        connection.terminate()
    if behind:
        return wrong(f"{where}: {'; '.join(behind)}", "start the service once (`winnow up`): it brings its tables up")
    return ok(f"{where}: tables up to date")


async def connect(settings: DatabaseSettings) -> asyncpg.Connection:
    """One connection. Raises what asyncpg does."""
    return await asyncpg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_user,
        password=settings.postgres_password.get_secret_value(),
        database=settings.postgres_database,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=CONNECT_TIMEOUT_S,
    )


async def _revision(connection: asyncpg.Connection, table: str) -> str | None:
    try:
        found: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")
    except asyncpg.UndefinedTableError:
        return None
    return found


def _head(scripts: Path) -> str | None:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head()
