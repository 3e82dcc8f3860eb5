"""Which policy is in force for a camera: its own, its group's, or the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from selector.domain.masks import EVERYTHING, Visible, visible_of
from winnow.errors import Refused
from winnow.events import Camera, SelectionPolicy

DEFAULT = "default"
MIN_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """What a decision goes by. Versions are offsets in the topics of policies and cameras; -1: no record.

    `policies_version` is of the newest policy that was taken over, of whichever key: with it and the camera's version
    everything here is known again.
    """

    policy: SelectionPolicy
    version: int
    sampling_key: bytes
    scene: str
    """The camera's group, or the camera: what blocks are cut for, with the group's length and key."""
    scene_key: bytes
    split_block_s: float
    camera_version: int
    policies_version: int = -1
    visible: Visible = EVERYTHING


RANGES: dict[str, tuple[float, float, str]] = {
    # The least: what is smaller serves nobody, and divisions by it leave the range of numbers.
    "kept_per_hour": (0.01, 3_600_000.0, "frames an hour"),
    "burst": (1.0, 1e6, "frames"),
    "heartbeat_share": (0.0, 1.0, "of the budget"),
    "control_every_s": (0.001, 1e9, "seconds"),
    "split_block_s": (0.001, 1e9, "seconds"),
    "overload_after_s": (1.0, 86_400.0, "seconds"),
}
"""What each number of a policy may be: least, most, unit."""


def faults(policy: SelectionPolicy, *, is_default: bool) -> list[str]:
    """What cannot be, a sentence for each field with its range."""
    wrong = [
        f"{name} is {value:.15g}; it must be from {least:.15g} to {most:.15g} {unit}"
        for name, (least, most, unit) in RANGES.items()
        if not least <= (value := getattr(policy, name)) <= most
    ]
    if is_default and len(policy.sampling_key or b"") < MIN_KEY_BYTES:
        wrong.append(f"sampling_key has {len(policy.sampling_key or b'')} bytes; the default needs {MIN_KEY_BYTES}")
    if policy.sampling_key is not None and not is_default and len(policy.sampling_key) < MIN_KEY_BYTES:
        wrong.append(f"sampling_key has {len(policy.sampling_key)} bytes; it must be null or {MIN_KEY_BYTES} or more")
    return wrong


def check(policy: SelectionPolicy, *, is_default: bool) -> None:
    """Raises `Refused` naming every field that cannot be, with its range."""
    wrong = faults(policy, is_default=is_default)
    if wrong:
        raise Refused("; ".join(wrong))


def check_key(key: str) -> None:
    """Raises `Refused` unless it is `default`, `group/NAME` or `camera/ID`."""
    kind, _, name = key.partition("/")
    if key != DEFAULT and not (kind in ("camera", "group") and name):
        raise Refused(f"key {key!r} is none of camera/ID, group/NAME and default")


class _Taken(NamedTuple):
    """Policies by key, each with its version, up to the record `newest`; never changed: who reads has a whole."""

    newest: int = -1
    policies: Mapping[str, tuple[int, SelectionPolicy]] = MappingProxyType({})


_UNCONFIGURED: tuple[int, Camera | None, Visible] = (-1, None, EVERYTHING)


class PolicyBook:
    """The latest record of each key of the policies and cameras topics. One thread may write while others read."""

    def __init__(self) -> None:
        self._taken = _Taken()
        self._cameras: dict[str, tuple[int, Camera, Visible]] = {}
        self._in_force: dict[str, PolicyInForce] = {}

    @property
    def has_default(self) -> bool:
        return DEFAULT in self._taken.policies

    def set_policy(self, key: str, offset: int, policy: SelectionPolicy) -> None:
        """Takes a policy over. Raises `Refused` for one that is invalid; the one before stays in force."""
        check_key(key)
        check(policy, is_default=key == DEFAULT)
        self._taken = _Taken(offset, {**self._taken.policies, key: (offset, policy)})
        self._in_force = {}

    def remove_policy(self, key: str, offset: int) -> None:
        """A camera or group goes by what it inherits again. Raises `Refused` for the default, which stays in force."""
        check_key(key)
        if key == DEFAULT:
            raise Refused("the default policy cannot be removed: cameras without one of their own go by it")
        left = {other: found for other, found in self._taken.policies.items() if other != key}
        self._taken = _Taken(offset, left)
        self._in_force = {}

    def set_camera(self, offset: int, camera: Camera) -> None:
        visible = visible_of(camera.masks) if camera.masks else EVERYTHING
        self._cameras[camera.camera_id] = (offset, camera, visible)  # as one: a version goes with its own masks
        self._in_force = {}

    def remove_camera(self, camera_id: str) -> None:
        """Nothing is configured for the camera any more: it has no group."""
        self._cameras = {other: found for other, found in self._cameras.items() if other != camera_id}
        self._in_force = {}

    @property
    def cameras(self) -> dict[str, tuple[int, Camera]]:
        """Configured cameras by id, each with its version."""
        return {camera_id: (offset, camera) for camera_id, (offset, camera, _) in self._cameras.items()}

    @property
    def policies(self) -> dict[str, tuple[int, SelectionPolicy]]:
        """Policies by key, each with its version."""
        return dict(self._taken.policies)

    def keys(self, camera_id: str) -> list[str]:
        """Where a camera's policy is looked for, first to last."""
        _, camera, _ = self._cameras.get(camera_id, _UNCONFIGURED)
        return _keys(camera_id, camera.group if camera is not None else None)

    def in_force(self, camera_id: str) -> PolicyInForce:
        """What goes for a camera now. `has_default` must hold."""
        known = self._in_force
        found = known.get(camera_id)
        if found is None:
            found = known[camera_id] = self._resolve(camera_id)
        return found

    def _resolve(self, camera_id: str) -> PolicyInForce:
        newest, policies = self._taken
        camera_version, camera, visible = self._cameras.get(camera_id, _UNCONFIGURED)
        group = camera.group if camera is not None else None
        keys = _keys(camera_id, group)
        version, policy = next(policies[key] for key in keys if key in policies)
        # Cameras of one group see one scene: a camera's own policy must not cut its blocks another way.
        of_scene = next(policies[key][1] for key in keys[1 if group else 0 :] if key in policies)
        default_key = policies[DEFAULT][1].sampling_key or b""
        # A group and a camera of one name are two scenes.
        scene = f"group/{group}" if group else f"camera/{camera_id}"
        return PolicyInForce(
            policy=policy,
            version=version,
            sampling_key=policy.sampling_key or default_key,
            scene=scene,
            scene_key=of_scene.sampling_key or default_key,
            split_block_s=of_scene.split_block_s,
            camera_version=camera_version,
            policies_version=newest,
            visible=visible,
        )


def _keys(camera_id: str, group: str | None) -> list[str]:
    return [f"camera/{camera_id}", *([f"group/{group}"] if group else []), DEFAULT]
