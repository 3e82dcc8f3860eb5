"""What the near-duplicate test and the spacing of the budget keep, on real and rendered cameras.

`python tests/bench/near_duplicates.py --footage DIR` prints the tables of docs/measurements/near-duplicates.md;
DIR holds car-detection.mp4 and one-by-one-person-detection.mp4. Without --footage only rendered scenes run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.noise import (
    NoiseFloor,
    near_duplicate_thresholds,
    update_noise_floor,
)
from selector.domain.ring import Match, Ring
from selector.domain.signature import Signature
from winnow_cli.bench.quality.viewpoints import CORRIDOR, ROAD, Recording
from winnow_scenes.scene import Scene, encoded

FRAMES_PER_HOUR, BURST, HEARTBEAT_S = 1200, 10, 10.0
PROBE_AREAS = (0.0005, 0.001, 0.002, 0.004)

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Variant:
    """How the footage is changed before it is encoded again."""

    name: str
    quality: int = 90
    size: tuple[int, int] | None = None
    noise: float = 0.0
    gain: float = 0.0
    shake_px: float = 0.0

    def encode(self, picture: Picture, rng: np.random.Generator) -> bytes:
        if self.size:
            picture = np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_CUBIC), np.uint8)
        height, width = picture.shape[:2]
        if self.shake_px:
            dx, dy = rng.uniform(-self.shake_px, self.shake_px, 2)
            matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            picture = np.asarray(moved, np.uint8)
        levels = picture.astype(np.float32) * (1 + rng.uniform(-self.gain, self.gain))
        if self.noise:
            levels += rng.standard_normal((height, width, 1), dtype=np.float32) * self.noise
        changed = levels.clip(0, 255).astype(np.uint8)
        return cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1].tobytes()


VARIANTS = (
    Variant("q90"),
    Variant("q75", quality=75),
    Variant("q50", quality=50),
    Variant("noise 6", noise=6),
    Variant("noise 12", noise=12),
    Variant("gain +-20 %", gain=0.2),
    Variant("shake 1.5 px", shake_px=1.5),
    Variant("1280x720", size=(1280, 720)),
    Variant("1920x1080 noise 4 q85", size=(1920, 1080), noise=4, quality=85),
)


@dataclass(frozen=True)
class Footage:
    """A recording, and frames of its empty scene to paste objects into."""

    recording: Recording
    empty: tuple[int, ...]

    @property
    def visits(self) -> tuple[tuple[int, int], ...]:
        return self.recording.events or ()


FOOTAGE = (
    Footage(ROAD, (*range(128, 168, 4), *range(256, 306, 5))),
    Footage(
        CORRIDOR,
        (*range(30, 56, 5), *range(206, 224, 4), *range(465, 498, 5), *range(705, 740, 5), *range(885, 915, 5)),
    ),
)


@dataclass
class Run:
    """One pass of the simplest selector over a camera's signatures."""

    kept: list[int] = field(default_factory=list)
    novel: list[int] = field(default_factory=list)
    probed: dict[float, list[bool]] = field(default_factory=dict)


def select(
    signatures: Sequence[Signature],
    times_s: Sequence[float],
    *,
    spacing: float,
    probes: dict[tuple[int, float], Signature] | None = None,
) -> Run:
    """Near-duplicate test, token bucket, heartbeat; a kept frame must be `spacing * (1 - tokens/BURST)` refill
    intervals later than the one before (0: a plain bucket). `probes` are judged in their frame's place and
    then forgotten."""
    run = Run()
    ring, floor = Ring(), NoiseFloor()
    interval_s = 3600 / FRAMES_PER_HOUR
    tokens, kept_s, before_s = float(BURST), -np.inf, times_s[0]
    placed: dict[int, list[tuple[float, Signature]]] = {}
    for (index, area), probe in (probes or {}).items():
        placed.setdefault(index, []).append((area, probe))

    for index, (signature, now_s) in enumerate(zip(signatures, times_s, strict=True)):
        tokens = min(BURST, tokens + (now_s - before_s) / interval_s)
        before_s = now_s
        limits = near_duplicate_thresholds(floor)
        for area, probe in placed.get(index, ()):
            run.probed.setdefault(area, []).append(not _is_duplicate(ring.nearest(probe, limits)))
        match = ring.nearest(signature, limits)
        duplicate = _is_duplicate(match)
        if match is not None:
            floor = update_noise_floor(floor, residual=match.fit.block_residual, cosine=match.cosine)
        if not duplicate:
            run.novel.append(index)
        wanted = not duplicate or now_s - kept_s >= HEARTBEAT_S
        if wanted and tokens >= 1 and now_s - kept_s >= spacing * interval_s * (1 - tokens / BURST) - 1e-6:
            tokens -= 1
            kept_s = now_s
            ring = ring.put(str(index), round(1000 * now_s), signature)
            run.kept.append(index)
    return run


def _is_duplicate(match: Match | None) -> bool:
    return match is not None and match.novelty <= 1.0


def _signature(image: bytes) -> Signature:
    signature = extract(image, ExtractionLimits())
    if not isinstance(signature, Signature):
        raise TypeError(signature.reason)
    return signature


def _frames(path: Path) -> Iterator[Picture]:
    capture = cv2.VideoCapture(str(path))
    while True:
        read, picture = capture.read()
        if not read:
            return
        yield np.asarray(picture, np.uint8)


def _with_object(picture: Picture, area: float, rng: np.random.Generator) -> Picture:
    """An upright patch of `area` of the picture at random, 50 grey levels off the ground below it."""
    height, width = picture.shape[:2]
    high = round((area * width * height * 1.5) ** 0.5)
    wide = round(high / 1.5)
    y, x = int(rng.integers(20, height - high - 20)), int(rng.integers(20, width - wide - 20))
    changed = picture.copy()
    ground = changed[y : y + high, x : x + wide].astype(float)
    contrast = -50 if ground.mean() > 127 else 50
    changed[y : y + high, x : x + wide] = (0.3 * ground + 0.7 * ground.mean() + contrast).clip(0, 255)
    return changed


def measure_footage(folder: Path, footage: Footage) -> None:
    print(f"\n{footage.recording.file}: kept (least and most over 10 starts and rates), by spacing factor")
    print(
        "| variant | kept 0 | least a visit 0 | missed 0 | kept 1 | least 1 | missed 1 | kept 2 | least 2 | missed 2"
        " | novel when empty | object found, " + ", ".join(f"{a:.2%}" for a in PROBE_AREAS) + " |"
    )
    for variant in VARIANTS:
        rng = np.random.default_rng(1)
        signatures, probes = [], {}
        for index, picture in enumerate(_frames(folder / footage.recording.file)):
            signatures.append(_signature(variant.encode(picture, rng)))
            if index in footage.empty:
                for area in PROBE_AREAS:
                    image = variant.encode(_with_object(picture, area, rng), rng)
                    probes[index, area] = _signature(image)
        cells: list[str] = []
        for spacing in (0.0, 1.0, 2.0):
            counts, visits = [], []
            for start in (0, 13, 26, 39, 50):
                for step in (1, 2):
                    picked = range(start, len(signatures), step)
                    run = select(
                        [signatures[i] for i in picked], [i / footage.recording.fps for i in picked], spacing=spacing
                    )
                    kept = [picked[i] for i in run.kept]
                    counts.append(len(kept))
                    visits += [sum(first <= i <= last for i in kept) for first, last in footage.visits]
            cells += [f"{min(counts)}-{max(counts)}", str(min(visits)), f"{visits.count(0)}/{len(visits)}"]
        run = select(
            signatures, [i / footage.recording.fps for i in range(len(signatures))], spacing=2.0, probes=probes
        )
        near = {i for first, last in footage.visits for i in range(first - 8, last + 9)}
        empty = [i for i in range(len(signatures)) if i not in near]
        cells.append(f"{sum(i not in near for i in run.novel) / len(empty):.1%}")
        cells.append(", ".join(f"{np.mean(run.probed[area]):.2f}" for area in PROBE_AREAS))
        print(f"| {variant.name} | " + " | ".join(cells) + " |", flush=True)


def measure_scene(kind: str, seed: int, visits_per_minute: float, minutes: float, fps: float) -> None:
    scene = Scene(kind, seed, width=640, height=360, fps=fps, visits_per_minute=visits_per_minute)
    signatures, present = [], []
    for index in range(int(minutes * 60 * fps)):
        picture, truth = scene.frame(index)
        signatures.append(_signature(encoded(picture)))
        present.append({o.visit for o in truth.objects})
    visits = set().union(*present)
    empty = [not seen for seen in present]
    for spacing in (0.0, 1.0, 2.0):
        run = select(signatures, [i / fps for i in range(len(signatures))], spacing=spacing)
        caught = set().union(*(present[i] for i in run.kept))
        offsets = np.linspace(0, len(signatures) / len(run.kept), 20, endpoint=False)
        uniform = np.mean(
            [
                len(set().union(*(present[int(o + k * len(signatures) / len(run.kept))] for k in range(len(run.kept)))))
                for o in offsets
            ]
        )
        novel_empty = sum(empty[i] for i in run.novel) / max(sum(empty), 1)
        kept_empty = sum(empty[i] for i in run.kept)
        print(
            f"| {kind} {seed} | {visits_per_minute} | {spacing:.0f} | {len(run.kept)} | {len(caught)}/{len(visits)}"
            f" | {uniform:.1f} | {kept_empty} | {novel_empty:.1%} |",
            flush=True,
        )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each rendered scene")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    if options.footage:
        for footage in FOOTAGE:
            measure_footage(options.footage, footage)
    print("\n| scene | visits a minute | spacing | kept | visits caught | uniform | kept empty | novel when empty |")
    for kind in ("conveyor", "yard"):
        for seed, visits_per_minute in ((1, 1.0), (2, 6.0)):
            measure_scene(kind, seed, visits_per_minute, options.minutes, fps=5.0)


if __name__ == "__main__":
    main(sys.argv[1:])
