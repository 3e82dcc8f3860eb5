"""Settings that every service has: environment variables `WINNOW_…`, secrets from files, all errors at once."""

from __future__ import annotations

import os
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from winnow.contract import Names
from winnow.errors import Refused


class KafkaSettings(BaseSettings):
    """How to reach the broker and the registry."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", extra="ignore")

    namespace: str = Field("winnow", pattern=r"^[a-zA-Z0-9_-]+$", description="Prefix of topics and groups.")
    profile: Literal["production", "local"] = Field("production", description="Sizes of topics.yaml to use.")
    kafka_bootstrap: str = Field(description="host:port of one or more brokers, comma-separated.")
    registry_url: str = Field(description="Base URL of a Confluent-compatible schema registry.")
    group_protocol: Literal["consumer", "classic"] = Field(
        "consumer",
        description="consumer: KIP-848, brokers 4.0 and later; classic: older ones, cooperative-sticky.",
    )

    @property
    def names(self) -> Names:
        return Names(self.namespace)


class ObjectSettings(BaseSettings):
    """How to reach the object storage."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", extra="ignore")

    s3_endpoint: str = Field(description="URL of an S3 API, http://host:port or https://host.")
    s3_bucket: str = Field("winnow", description="Bucket for images and the ledger.")
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    reference_buckets: list[str] = Field([], description="Buckets that image references may name; none: s3_bucket.")
    reference_max_bytes: int = Field(32 * 1024 * 1024, ge=1, description="Largest image that a reference may name.")


class DatabaseSettings(BaseSettings):
    """How to reach PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", extra="ignore")

    postgres_host: str
    postgres_port: int = 5432
    postgres_user: str
    postgres_password: SecretStr
    postgres_database: str = "winnow"


class HealthSettings(BaseSettings):
    """Where a service answers /livez, /readyz and /metrics."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", extra="ignore")

    health_host: str = "127.0.0.1"
    health_port: int = Field(0, ge=0, le=65535, description="0: any free port; the log names it.")


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(kind: type[SettingsT], **overrides: object) -> SettingsT:
    """Settings from the environment and from the files under `WINNOW_SECRETS_DIR` (named `winnow_<field>`).

    Raises `Refused` with a line for each setting that is missing or wrong.
    """
    try:
        return kind(_secrets_dir=os.environ.get("WINNOW_SECRETS_DIR"), **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"  WINNOW_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise Refused("settings are missing or wrong; nothing was started:\n" + "\n".join(lines)) from None
