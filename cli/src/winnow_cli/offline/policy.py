"""The policy of a selection without servers: from a file, or the one that an installation begins with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from selector.domain.policy import DEFAULT, PolicyBook, check
from winnow.clock import EPOCH
from winnow.errors import Refused
from winnow.events import SelectionPolicy
from winnow_cli.deployment.apply import FIRST_POLICY
from winnow_cli.selection.policies import of_file, problems

SAMPLING_KEY = b"winnow select, the published key"
"""So that a run can be repeated by anyone. An installation draws its own and keeps it to itself."""


def policy_book(path: Path | None, first: tuple[float, float] = FIRST_POLICY) -> PolicyBook:
    """A book of one policy for all cameras: `first` (kept_per_hour, burst), with the file's fields where there is one.

    Raises `Refused` naming every field that cannot be.
    """
    values = {"sampling_key": SAMPLING_KEY} | (policy_fields(path) if path is not None else {})
    policy = replace(SelectionPolicy(*first, changed_at=EPOCH), **values)
    try:
        check(policy, is_default=True)
    except Refused as error:
        raise Refused(f"{path}: {error}") from error
    book = PolicyBook()
    book.set_policy(DEFAULT, -1, policy)
    return book


def policy_fields(path: Path) -> dict[str, Any]:
    """A file's fields of a policy, `sampling_key` among them where it is given. Raises `Refused` naming every fault."""
    values = of_file(path)
    key = {"sampling_key": _key(values.pop("sampling_key"), path)} if "sampling_key" in values else {}
    if wrong := problems(values):
        raise Refused(f"{path}: {'; '.join(wrong)}")
    return values | key


def _key(value: Any, path: Path) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise Refused(f"{path}: sampling_key is {value!r}; it must be hexadecimal digits in quotes") from None
