"""Settings of the selector."""

from __future__ import annotations

import uuid

from pydantic import Field

from winnow.settings import HealthSettings, KafkaSettings, ObjectSettings


class SelectorSettings(KafkaSettings, ObjectSettings, HealthSettings):
    """`WINNOW_INSTANCE` is worth setting: a restart under the same name frees at once what the dead process held."""

    instance: str = Field(
        default_factory=lambda: f"selector-{uuid.uuid4().hex[:8]}", description="Stable name of this process."
    )
    extract_threads: int = Field(2, ge=1, le=64, description="Threads that decode.")
    batch_max: int = Field(64, ge=1, le=10_000, description="Most frames in one transaction.")
    linger_s: float = Field(0.04, ge=0, le=5, description="Longest wait for more frames after a transaction's first.")
    max_pixels: int = Field(100_000_000, ge=1, description="A larger picture is unreadable.")

    @property
    def group(self) -> str:
        """The consumer group of all selectors of a namespace."""
        return self.names.group("selector")
