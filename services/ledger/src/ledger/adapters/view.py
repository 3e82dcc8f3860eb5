"""The one view through which the ledger is read: one row for each source offset.

`rows` are the rows of the indexed files and of the verdicts topic beyond them (`pending`); a row that was written twice
is in it twice. `verdicts` has the first verdict of each source offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from ledger.adapters import parquet
from ledger.domain.batch import LedgerFile, Row
from winnow.objects import Objects
from winnow.settings import ObjectSettings

ROWS = """
CREATE VIEW rows AS
    SELECT *, false AS pending FROM indexed
    UNION ALL
    SELECT *, true AS pending FROM tail"""

VERDICTS = """
CREATE VIEW verdicts AS
    SELECT * FROM rows
    QUALIFY row_number() OVER (
        PARTITION BY source_topic, source_partition, source_offset ORDER BY verdict_offset, pending
    ) = 1"""

UNREADABLE = (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError)


class LedgerView:
    """DuckDB over the ledger. `unreadable`: indexed files that are missing, changed or damaged, and not in the view."""

    def __init__(self, settings: ObjectSettings, files: Sequence[LedgerFile], tail: Sequence[Row] = ()) -> None:
        self._bucket = settings.s3_bucket
        self._files = file_system(settings)
        self.unreadable = not_as_indexed(Objects(settings), files)
        self._connection = _connection()
        self._open([file for file in files if file.key not in set(self.unreadable)], tail)

    def __enter__(self) -> LedgerView:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._connection.close()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows that a query gives, by column."""
        # Through Arrow: for times with a zone DuckDB's own rows ask for pytz.
        table = self._connection.sql(sql, params=list(parameters)).to_arrow_table()
        found: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
        return found

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Runs a statement that gives nothing."""
        self._connection.execute(sql, list(parameters))

    def register(self, name: str, table: pa.Table) -> None:
        """Makes a table of the caller's visible to its queries."""
        self._connection.register(name, table)

    def _open(self, files: list[LedgerFile], tail: Sequence[Row]) -> None:
        indexed = self._dataset(files)
        if not _holds(indexed, sum(file.rows for file in files)):
            damaged = [file.key for file in files if not _holds(self._dataset([file]), file.rows)]
            self.unreadable = sorted({*self.unreadable, *damaged})
            indexed = self._dataset([file for file in files if file.key not in set(damaged)])
        self._connection.register("indexed", indexed)
        self._connection.register("tail", parquet.table(tail))
        self._connection.execute(ROWS)
        self._connection.execute(VERDICTS)

    def _dataset(self, files: list[LedgerFile]) -> ds.Dataset:
        if not files:
            return ds.dataset(parquet.SCHEMA.empty_table())
        paths = [f"{self._bucket}/{file.key}" for file in files]
        return ds.dataset(paths, schema=parquet.SCHEMA, format="parquet", filesystem=self._files)


def _holds(dataset: ds.Dataset, rows: int) -> bool:
    """Whether the columns that everything rests on can be read, and there are as many rows as the index says."""
    try:
        batches = dataset.scanner(
            columns=["source_offset", "verdict_offset", "outcome", "reason", "flags"]
        ).to_batches()
        return bool(sum(batch.num_rows for batch in batches) == rows)
    except UNREADABLE:
        return False


def not_as_indexed(objects: Objects, files: Sequence[LedgerFile]) -> list[str]:
    """Keys of the files that are missing or have another size."""
    listed = objects.sizes("ledger/")
    found = {file.key: listed[file.key] if file.key in listed else objects.size(file.key) for file in files}
    return [file.key for file in files if found[file.key] != file.size_bytes]


def file_system(settings: ObjectSettings) -> fs.S3FileSystem:
    """The object storage as pyarrow reads it; paths begin with the bucket."""
    url = urlsplit(settings.s3_endpoint)
    return fs.S3FileSystem(
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        endpoint_override=url.netloc,
        scheme=url.scheme,
        region="us-east-1",
        connect_timeout=3,
        request_timeout=30,
    )


def _connection() -> Any:
    # Without these DuckDB would download extensions.
    return duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
