"""Ready means: a real request was answered."""

from __future__ import annotations

import asyncio
import logging
import urllib.error
import urllib.request
from pathlib import Path

from winnow_cli.stack.spec import Ready

REQUEST_TIMEOUT_S = 2.0


async def answers(ready: Ready) -> bool:
    """Whether the process answers its request now. Never raises for a server that is not there yet."""
    match ready.kind:
        case "running":
            return True
        case "postgres":
            return await _postgres(ready)
        case "http":
            return await asyncio.to_thread(_http, ready.target)
        case "kafka":
            return await asyncio.to_thread(_kafka, ready.target)
        case "s3":
            return await asyncio.to_thread(_s3, ready)


def _http(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT_S) as response:  # noqa: S310 (our own URL)
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _kafka(bootstrap: str) -> bool:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    # A client for each question: a lasting one would back off for longer than a broker takes to come back.
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}, logger=logging.getLogger("winnow.probe"))
    try:
        # A fenced broker answers, but names no broker.
        return bool(client.list_topics(timeout=REQUEST_TIMEOUT_S).brokers)
    except KafkaException:
        return False


def _s3(ready: Ready) -> bool:
    import urllib3
    from minio import Minio
    from minio.error import MinioException

    folder = Path(ready.secrets_dir)
    client = Minio(
        ready.target,
        (folder / "winnow_s3_access_key").read_text(),
        (folder / "winnow_s3_secret_key").read_text(),
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(retries=False, timeout=REQUEST_TIMEOUT_S),
    )
    try:
        client.list_buckets()
    except (MinioException, urllib3.exceptions.HTTPError, OSError):
        return False
    return True


async def _postgres(ready: Ready) -> bool:
    import asyncpg

    address, database = ready.target.split("/")
    host, port = address.split(":")
    password = (Path(ready.secrets_dir) / "winnow_postgres_password").read_text()
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            connection = await asyncpg.connect(
                host=host, port=int(port), user="winnow", password=password, database=database, ssl=False
            )
            try:
                return bool(await connection.fetchval("SELECT 1") == 1)
            finally:
                await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
