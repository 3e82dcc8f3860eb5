"""Which policy is in force for a camera: its own, its group's, or the default."""

from __future__ import annotations

import math
from dataclasses import dataclass

from winnow.errors import Refused
from winnow.events import Camera, SelectionPolicy

DEFAULT = "default"
MIN_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """What a decision goes by. Versions are offsets in the topics of policies and cameras; -1: no record."""

    policy: SelectionPolicy
    version: int
    sampling_key: bytes
    scene: str
    """The camera's group, or the camera: what blocks are cut for, with the group's length and key."""
    scene_key: bytes
    split_block_s: float
    camera_version: int


def check(policy: SelectionPolicy, *, is_default: bool) -> None:
    """Raises `Refused` naming every field that cannot be."""
    ranges = {
        "kept_per_hour": (policy.kept_per_hour, 0.0, 3_600_000.0, "frames an hour, more than 0"),
        "burst": (policy.burst, 0.999, 1e6, "frames, 1 or more"),
        "heartbeat_share": (policy.heartbeat_share, -1e-9, 1.0, "a share from 0 to 1"),
        "control_every_s": (policy.control_every_s, 0.0, 1e9, "seconds, more than 0"),
        "split_block_s": (policy.split_block_s, 0.0, 1e9, "seconds, more than 0"),
    }
    wrong = [
        f"{name} is {value}; it must be {what}"
        for name, (value, above, most, what) in ranges.items()
        if not (math.isfinite(value) and above < value <= most)
    ]
    if is_default and len(policy.sampling_key or b"") < MIN_KEY_BYTES:
        wrong.append(f"sampling_key has {len(policy.sampling_key or b'')} bytes; the default needs {MIN_KEY_BYTES}")
    if policy.sampling_key is not None and not is_default and len(policy.sampling_key) < MIN_KEY_BYTES:
        wrong.append(f"sampling_key has {len(policy.sampling_key)} bytes; it must be null or {MIN_KEY_BYTES} or more")
    if wrong:
        raise Refused("; ".join(wrong))


class PolicyBook:
    """The latest record of each key of the policies and cameras topics. One thread may write while others read."""

    def __init__(self) -> None:
        self._policies: dict[str, tuple[int, SelectionPolicy]] = {}
        self._cameras: dict[str, tuple[int, Camera]] = {}
        self._in_force: dict[str, PolicyInForce] = {}

    @property
    def has_default(self) -> bool:
        return DEFAULT in self._policies

    def set_policy(self, key: str, offset: int, policy: SelectionPolicy) -> None:
        """Takes a policy over. Raises `Refused` for one that is invalid; the one before stays in force."""
        if key != DEFAULT and not key.startswith(("camera/", "group/")):
            raise Refused(f"key {key!r} is none of camera/ID, group/NAME and default")
        check(policy, is_default=key == DEFAULT)
        self._policies[key] = (offset, policy)
        self._in_force = {}

    def set_camera(self, offset: int, camera: Camera) -> None:
        self._cameras[camera.camera_id] = (offset, camera)
        self._in_force = {}

    def in_force(self, camera_id: str) -> PolicyInForce:
        """What goes for a camera now. `has_default` must hold."""
        known = self._in_force
        found = known.get(camera_id)
        if found is None:
            found = known[camera_id] = self._resolve(camera_id)
        return found

    def _resolve(self, camera_id: str) -> PolicyInForce:
        camera_version, camera = self._cameras.get(camera_id, (-1, None))
        group = camera.group if camera is not None else None
        keys = [f"camera/{camera_id}", *([f"group/{group}"] if group else []), DEFAULT]
        version, policy = next(self._policies[key] for key in keys if key in self._policies)
        # Cameras of one group see one scene: a camera's own policy must not cut its blocks another way.
        of_scene = next(self._policies[key][1] for key in keys[1 if group else 0 :] if key in self._policies)
        default_key = self._policies[DEFAULT][1].sampling_key or b""
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
        )
