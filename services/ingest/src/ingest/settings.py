"""Settings of ingest."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from ingest.domain.source import Source
from winnow.settings import HealthSettings, KafkaSettings, ObjectSettings


class IngestSettings(KafkaSettings, ObjectSettings):
    """What every way in needs: the broker, and the object storage for images too large for a record."""

    ingest_state_dir: Path | None = Field(
        None, description="Folder for what is remembered of followed folders and prefixes; they cannot do without."
    )


class Settings(IngestSettings, HealthSettings):
    """Everything that ingest can be told."""

    ingest_sources: list[Source] = Field(min_length=1, description="JSON list of {camera, source, pace, start, …}.")
