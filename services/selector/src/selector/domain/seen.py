"""The window of identities that a camera has sent: what makes a redelivery, and what identical bytes are."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import xxhash
from numba import njit

WINDOW = 4096
CHUNK = 32
CHUNKS = WINDOW // CHUNK + 1
"""One more than the window needs: the chunk that begins anew loses all it held."""

PLACES = CHUNKS * CHUNK

FrameKey = str | bytes
"""A frame id as stored: 16 bytes where it is a canonical UUID, else the text."""

_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def frame_key(frame_id: str) -> FrameKey:
    """The stored form of a frame id."""
    return bytes.fromhex(frame_id.replace("-", "")) if _CANONICAL_UUID.fullmatch(frame_id) else frame_id


def frame_id_of(key: FrameKey) -> str:
    """The frame id that a stored form stands for."""
    return str(uuid.UUID(bytes=key)) if isinstance(key, bytes) else key


def _empty() -> npt.NDArray[np.uint64]:
    return np.zeros(PLACES, np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class SeenWindow:
    """The last 4,096 identities with the low 64 bits of their content hashes; a value, replaced by `add`.

    `id_hashes` and `content_hashes` are uint64 (4128,), searched whole; `chunks` hold the ids themselves, to make sure
    and to name them. `count` identities were ever added; place `count % 4128` is the next.
    """

    count: int = 0
    id_hashes: npt.NDArray[np.uint64] = field(default_factory=_empty)
    content_hashes: npt.NDArray[np.uint64] = field(default_factory=_empty)
    chunks: tuple[tuple[FrameKey, ...], ...] = ((),) * CHUNKS

    def contents_of(self, frame_id: str) -> list[int]:
        """Content hashes that this id was seen with."""
        key = frame_key(frame_id)
        places = _places_of(np.uint64(_hash(key)), self.id_hashes)
        return [int(self.content_hashes[place]) for place in places if self._key_at(place) == key]

    def id_of(self, content_hash: int) -> str | None:
        """The id of a frame that was seen with these bytes."""
        for place in _places_of(np.uint64(content_hash), self.content_hashes):
            key = self._key_at(place)
            if key is not None:
                return frame_id_of(key)
        return None

    def add(self, frame_id: str, content_hash: int) -> SeenWindow:
        """The window with one more identity, the oldest gone where it was full."""
        place = self.count % PLACES
        chunk, index = divmod(place, CHUNK)
        key = frame_key(frame_id)
        id_hashes, content_hashes = self.id_hashes.copy(), self.content_hashes.copy()
        id_hashes[place], content_hashes[place] = _hash(key), content_hash
        keys = self.chunks[chunk]
        if index == 0:  # the chunk begins anew: what it held is the oldest of a full window
            first, last = place, place + CHUNK
            id_hashes[first + 1 : last] = content_hashes[first + 1 : last] = 0
            keys = ()
        chunks = (*self.chunks[:chunk], (*keys, key), *self.chunks[chunk + 1 :])
        return SeenWindow(self.count + 1, id_hashes, content_hashes, chunks)

    def chunk_contents(self, chunk: int) -> list[int]:
        """Content hashes of a chunk, in the order of its ids."""
        first = chunk * CHUNK
        return [int(value) for value in self.content_hashes[first : first + len(self.chunks[chunk])]]

    @staticmethod
    def restored(count: int, chunks: dict[int, tuple[tuple[FrameKey, ...], tuple[int, ...]]]) -> SeenWindow:
        """The window of which these are the chunks (ids, content hashes) by their place.

        Raises `ValueError` where they are not what `count` identities leave behind.
        """
        sizes = {chunk: (len(keys), len(contents)) for chunk, (keys, contents) in chunks.items()}
        expected = {chunk: (size, size) for chunk, size in enumerate(_chunk_sizes(count)) if size}
        if wrong := sorted(c for c in expected | sizes if sizes.get(c) != expected.get(c)):
            raise ValueError(f"of {count} identities seen, the chunks {wrong} are missing or not as they were written")
        window = SeenWindow(count)
        ids: list[tuple[FrameKey, ...]] = list(window.chunks)
        for chunk, (keys, contents) in chunks.items():
            first = chunk * CHUNK
            ids[chunk] = keys
            window.id_hashes[first : first + len(keys)] = [_hash(key) for key in keys]
            window.content_hashes[first : first + len(keys)] = list(contents)
        return replace(window, chunks=tuple(ids))

    def _key_at(self, place: int) -> FrameKey | None:
        if (self.count - 1 - place) % PLACES >= WINDOW:
            return None
        chunk, index = divmod(place, CHUNK)
        keys = self.chunks[chunk]
        return keys[index] if index < len(keys) else None


def _chunk_sizes(count: int) -> list[int]:
    """Identities in each chunk after `count` were added: once round, all are full but the one that was begun last."""
    if not count:
        return [0] * CHUNKS
    last, begun = divmod((count - 1) % PLACES, CHUNK)
    return [CHUNK] * last + [begun + 1] + [CHUNK if count > PLACES else 0] * (CHUNKS - last - 1)


def _places_of(wanted: np.uint64, hashes: npt.NDArray[np.uint64]) -> list[int]:
    return [int(place) for place in np.flatnonzero(hashes == wanted)] if _is_among(wanted, hashes) else []


@njit(nogil=True, cache=True)
def _is_among(wanted: np.uint64, hashes: npt.NDArray[np.uint64]) -> bool:
    """Most frames are new. Looks at all of them: a loop that ends early is not vectorised."""
    found = np.uint64(0)
    for value in hashes:
        found |= np.uint64(value == wanted)
    return bool(found != 0)


def _hash(key: FrameKey) -> int:
    return xxhash.xxh3_64_intdigest(key if isinstance(key, bytes) else key.encode())
