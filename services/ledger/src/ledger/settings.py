"""Settings of the ledger, and of those who read it."""

from __future__ import annotations

from pydantic import Field

from winnow.settings import DatabaseSettings, HealthSettings, KafkaSettings, ObjectSettings


class ReaderSettings(KafkaSettings, ObjectSettings, DatabaseSettings):
    """Where the evidence is: for the balance and for traces."""


class Settings(ReaderSettings, HealthSettings):
    """Everything that the ledger can be told."""

    ledger_batch_max: int = Field(20_000, ge=1, description="Most records in one batch, hence rows in one file.")
    ledger_linger_s: float = Field(5.0, ge=0, description="Longest wait for a batch to fill.")
