"""Settings of ingest."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.domain.source import VIDEO_TIMEOUT_S, Source
from winnow.settings import HealthSettings, KafkaSettings, ObjectSettings


class IngestSettings(KafkaSettings, ObjectSettings):
    """What every way in needs: the broker, and the object storage for images too large for a record."""

    ingest_state_dir: Path | None = Field(
        None, description="Folder for what is remembered of followed folders and prefixes; they cannot do without."
    )
    ingest_video_timeout_s: float = Field(
        VIDEO_TIMEOUT_S, gt=0, description="A video without a frame for so long is given up, its decoder killed."
    )


class UploadSettings(BaseSettings):
    """Where uploads are taken, and where they wait for a broker that is away."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", extra="ignore")

    ingest_upload_port: int | None = Field(
        None, ge=0, le=65535, description="Takes uploads over HTTP here; 0: any free port, the log names it. None: off."
    )
    ingest_upload_host: str = "127.0.0.1"
    ingest_upload_keys_file: Path | None = Field(
        None, validate_default=True, description="Keys of cameras, as `winnow upload-key` adds them; read when changed."
    )
    ingest_upload_read_timeout_s: float = Field(10.0, gt=0, description="For the headers, and between bytes of a body.")
    ingest_upload_timeout_s: float = Field(300.0, gt=0, description="For a whole body.")
    ingest_spool_dir: Path | None = Field(
        None, validate_default=True, description="Folder for uploads while the broker is away; of one process alone."
    )
    ingest_spool_max_bytes: int = Field(1024**3, ge=1, description="More is refused with 503.")

    @field_validator("ingest_upload_keys_file", "ingest_spool_dir")
    @classmethod
    def _needed(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is None and info.data.get("ingest_upload_port") is not None:
            raise PydanticCustomError("needed", "uploads need it")
        return path


class Settings(IngestSettings, UploadSettings, HealthSettings):
    """Everything that ingest can be told."""

    ingest_sources: list[Source] = Field(
        [], validate_default=True, description="JSON list of {camera, source, pace, start, …}; none: uploads alone."
    )

    @field_validator("ingest_sources")
    @classmethod
    def _something(cls, sources: list[Source], info: ValidationInfo) -> list[Source]:
        if not sources and info.data.get("ingest_upload_port") is None:
            raise PydanticCustomError("needed", "nothing to do: give sources, or a port for uploads")
        return sources
