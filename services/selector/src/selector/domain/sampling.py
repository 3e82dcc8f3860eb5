"""What chance decides, the same on every replay: control moments and test blocks, drawn by a keyed hash."""

from __future__ import annotations

import hashlib
from functools import lru_cache

TRAIN, TEST = "train", "test"
BLOCKS_PER_DRAW = 5


@lru_cache(maxsize=16_384)  # a block's and a slot's draw is asked for with every frame in it
def draw(key: bytes, *parts: str | int) -> float:
    """A number in [0, 1), uniform over keys: keyed BLAKE2b of the parts."""
    text = "\x1f".join(str(part) for part in parts).encode()
    digest = hashlib.blake2b(text, key=key[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def control_moment_ms(key: bytes, camera_id: str, slot: int, slot_ms: int) -> int:
    """The moment of a control slot, ms since 1970: `slot * slot_ms` plus a draw within it."""
    return slot * slot_ms + int(draw(key, "control", camera_id, slot_ms, slot) * slot_ms)


def serves_control(key: bytes, camera_id: str, every_s: float, last_ms: int | None, event_ms: int) -> bool:
    """Whether the frame at `event_ms` is the first at or after a control moment.

    `last_ms` is the newest earlier frame that could have served one. A moment before the camera's first frame gives
    none, and a frame that is not newer than that one serves nothing: its moments are served or passed.
    """
    slot_ms = max(1, round(every_s * 1000))
    slot = event_ms // slot_ms
    if last_ms is None:
        return control_moment_ms(key, camera_id, slot, slot_ms) == event_ms
    if event_ms <= last_ms:
        return False
    last_slot = last_ms // slot_ms
    if slot - last_slot > 1:
        return True  # a whole slot lies between, and its moment with it
    if control_moment_ms(key, camera_id, slot, slot_ms) <= event_ms:
        return slot > last_slot or control_moment_ms(key, camera_id, slot, slot_ms) > last_ms
    return slot > last_slot and control_moment_ms(key, camera_id, last_slot, slot_ms) > last_ms


def block(key: bytes, scene: str, block_s: float, event_ms: int) -> str:
    """`train` or `test`: of every five consecutive blocks of a scene (a camera group, or a camera) one is test."""
    block_ms = max(1, round(block_s * 1000))
    index = event_ms // block_ms
    test = int(draw(key, "block", scene, block_ms, index // BLOCKS_PER_DRAW) * BLOCKS_PER_DRAW)
    return TEST if index % BLOCKS_PER_DRAW == test else TRAIN
