"""PostgreSQL: a pool of asyncpg connections, used from synchronous loops through one event loop of their own."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from winnow.errors import DependencyDown
from winnow.settings import DatabaseSettings

ResultT = TypeVar("ResultT")

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What says that the server is away: nothing of the transaction was kept, or it may be repeated.

The last is asyncpg's own confusion where a process that was stopped within a transaction goes on: the server's good-bye
and the commit are under way at once.
"""


def sqlalchemy_url(settings: DatabaseSettings) -> Any:
    """The same database for tools built on SQLAlchemy, such as the migrations."""
    from sqlalchemy import URL

    return URL.create(
        "postgresql+asyncpg",
        username=settings.postgres_user,
        password=settings.postgres_password.get_secret_value(),
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_database,
    )


def migrate(settings: DatabaseSettings, scripts: Path, version_table: str) -> None:
    """Brings a service's tables to its newest alembic revision, in one transaction; a no-op where they are there.

    Processes that start at once wait for each other. Raises `DependencyDown`.
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import text
    from sqlalchemy.exc import InterfaceError, OperationalError
    from sqlalchemy.ext.asyncio import create_async_engine

    def upgrade(connection: Any) -> None:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes.update(connection=connection, version_table=version_table)
        command.upgrade(config, "head")

    async def run() -> None:
        engine = create_async_engine(sqlalchemy_url(settings))
        try:
            async with engine.begin() as connection:
                lock = zlib.crc32(version_table.encode())
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    try:
        asyncio.run(run())
    except (*UNREACHABLE, OperationalError, InterfaceError) as error:
        raise DependencyDown(f"PostgreSQL: {type(error).__name__}: {error}") from error


class Database:
    """Runs coroutines against a pool and waits for them. For use from one thread."""

    def __init__(self, settings: DatabaseSettings, *, max_size: int = 4) -> None:
        self._settings = settings
        self._max_size = max_size
        self._runner = asyncio.Runner()
        self._pool: Any = None

    def run(self, work: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
        """`work(connection)` inside one transaction, committed when it returns. Raises `DependencyDown`."""
        return self._runner.run(self._run(work))

    async def _run(self, work: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
        try:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    host=self._settings.postgres_host,
                    port=self._settings.postgres_port,
                    user=self._settings.postgres_user,
                    password=self._settings.postgres_password.get_secret_value(),
                    database=self._settings.postgres_database,
                    min_size=1,
                    max_size=self._max_size,
                    timeout=10,
                    command_timeout=60,
                    # A process that is stopped within a transaction must not hold its locks for ever.
                    server_settings={"idle_in_transaction_session_timeout": "5000"},
                )
            async with self._pool.acquire() as connection, connection.transaction():
                return await work(connection)
        except UNREACHABLE as error:
            raise DependencyDown(f"PostgreSQL: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Closes the pool; an unreachable server does not hold it up."""
        if self._pool is not None:
            self._pool.terminate()
        self._runner.close()
