"""Settings of the store."""

from __future__ import annotations

from pydantic import Field

from winnow.settings import DatabaseSettings, HealthSettings, KafkaSettings, ObjectSettings


class Settings(KafkaSettings, ObjectSettings, DatabaseSettings, HealthSettings):
    """Everything that the store can be told."""

    store_batch_max: int = Field(64, ge=1, description="Most selected frames in one batch; each carries its image.")
    store_linger_s: float = Field(0.1, ge=0, description="Longest wait for a batch to fill.")
    store_threads: int = Field(6, ge=1, description="Objects written at a time.")
