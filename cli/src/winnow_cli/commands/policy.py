"""`winnow policy`: how frames are selected, by camera, by group or for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from selector.domain.policy import PolicyBook
    from winnow.events import SelectionPolicy
    from winnow_cli.selection.history import Version
    from winnow_cli.selection.topics import SelectionTopics

app = typer.Typer(
    no_args_is_help=True,
    help="Policies: how many frames are kept of a camera, of a group, or by default. A change needs no restart.",
)

KEY_HELP = "default, group/NAME or camera/ID."
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]


@app.command()
def show(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help=f"{KEY_HELP} Without it: all there are.")] = None,
    camera: Annotated[str | None, typer.Option(metavar="ID", help="What is in force for this camera, and why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show policies as they are in force now. Exit 1 where there is none of that key.

    Examples: `winnow policy show` · `winnow policy show --camera yard-1`
    """
    from winnow.errors import Refused

    if key is not None and camera is not None:
        raise typer.BadParameter("KEY or --camera, not both")
    book = _topics().book()
    if camera is not None:
        _show_camera(book, camera, as_json=as_json)
    elif key is not None:
        if key not in book.policies:
            raise Refused(f"there is no policy {key}; there are {', '.join(sorted(book.policies)) or 'none'}")
        version, policy = book.policies[key]
        if as_json:
            print(json.dumps({"key": key, "version": version, "policy": _plain(policy)}))
        else:
            print(f"{key}, version {version}")
            _print_fields(policy)
    else:
        _show_all(book, as_json=as_json)


@app.command("set")
def set_policy(
    key: Annotated[str, typer.Argument(metavar="KEY", help=KEY_HELP)],
    values: Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]…", help="Fields to change.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="The fields in a YAML or JSON file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a policy's fields. The others stay; those of a new policy come from what it replaces.

    Nothing is written where a field is unknown or out of its range. The selector takes a change up while it runs;
    every verdict names the version it went by.

    Example: winnow policy set group/yard kept_per_hour=120 note="fewer at night"
    """
    from dataclasses import replace

    from selector.domain.policy import DEFAULT
    from winnow.clock import now
    from winnow.errors import Refused
    from winnow_cli.selection.policies import changed, checked_key, differences, of_file, typed

    if bool(values) == (file is not None):
        raise typer.BadParameter("give field=value, or --file with them")
    try:
        wanted = of_file(file) if file is not None else typed(values or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    checked_key(key)
    topics = _topics()
    book = topics.book()
    if not book.has_default:
        raise Refused("there is no default policy yet; nothing was changed. `winnow topics apply` writes the first")
    own = book.policies.get(key)
    base_key = key if own else next(k for k in _inherits(book, key) if k in book.policies)
    previous, base = book.policies[base_key]
    policy = changed(base, wanted, now())
    if base_key == DEFAULT and key != DEFAULT:
        policy = replace(policy, sampling_key=None)  # that of the default, whatever it will be
    changes = differences(base, replace(policy, sampling_key=base.sampling_key))
    if own and not changes:
        version = previous
    else:
        version = topics.write(topics.names.policies, key, policy)
        book.set_policy(key, version, policy)
    cameras = _cameras(book, key, version)
    if as_json:
        told = {"key": key, "version": version, "previous_version": previous, "inherited_from": base_key}
        print(json.dumps(told | {"changes": changes, "cameras": cameras, "policy": _plain(policy)}))
        return
    if version == previous:
        print(f"{key} is so already, version {version}; nothing was written.")
        return
    origin = (
        f"version {previous} before" if own else f"new; what is not given comes from {base_key}, version {previous}"
    )
    print(f"{key}, version {version} ({origin})")
    for change in _changes(changes):
        print(f"  {change}")
    print(_in_force(key, cameras))
    scene = book.in_force(key.removeprefix("camera/")).scene if key.startswith("camera/") else ""
    if "split_block_s" in changes and scene.startswith("group/"):
        print(f"split_block_s has no effect here: the blocks of {scene} are cut by the group's policy.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML or JSON file with a policy's fields.")],
    as_json: AsJson = False,
) -> None:
    """Check a file without any server; exit 1 naming every field that is wrong.

    Example: winnow policy check yard.yaml && winnow policy set group/yard --file yard.yaml
    """
    from winnow.errors import Refused
    from winnow_cli.selection.policies import of_file, problems

    values = of_file(file)
    wrong = problems(values)
    if as_json:
        print(json.dumps({"file": str(file), "valid": not wrong, "problems": wrong}))
    if wrong:
        raise Refused("\n  ".join([f"{file} cannot be a policy:", *wrong]))
    if not as_json:
        print(f"{file}: valid, with {', '.join(values)}.")


@app.command()
def history(key: Annotated[str, typer.Argument(metavar="KEY", help=KEY_HELP)], as_json: AsJson = False) -> None:
    """Every version of a policy: offset, time, who wrote it, and what changed.

    Example: winnow policy history default --json | jq '.versions[-1].changes'
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from winnow.errors import Refused
    from winnow_cli.selection.history import versions
    from winnow_cli.selection.policies import checked_key

    checked_key(key)
    topics = _topics()
    found = versions(topics.records(topics.names.policies), key, topics.codec)
    if not found:
        raise Refused(f"there never was a policy {key}")
    if as_json:
        print(json.dumps({"key": key, "versions": [_plain_version(one) for one in found]}))
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("version", justify="right", no_wrap=True)
    table.add_column("UTC", no_wrap=True)
    for column in ("by", "change"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(str(one.version), f"{one.at:%Y-%m-%d %H:%M:%S}", Text(one.by), Text(_told(one)))
    Console().print(table)


def _topics() -> SelectionTopics:
    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment
    from winnow_cli.selection.topics import SelectionTopics

    environment()
    return SelectionTopics(load(KafkaSettings))


def _inherits(book: PolicyBook, key: str) -> list[str]:
    """Where a key without a policy of its own gets it from."""
    return book.keys(key.removeprefix("camera/"))[1:] if key.startswith("camera/") else ["default"]


def _cameras(book: PolicyBook, key: str, version: int) -> list[str]:
    """The cameras that a policy is in force for, of those that are known here."""
    known = {*book.cameras, *([key.removeprefix("camera/")] if key.startswith("camera/") else [])}
    return sorted(camera for camera in known if book.in_force(camera).version == version)


def _in_force(key: str, cameras: list[str]) -> str:
    named = ", ".join(cameras)
    if key == "default":
        return "In force for every camera without a policy of its own or its group" + (
            f": {named}, …" if named else "."
        )
    if cameras:
        return f"In force for {named}."
    return f"In force for no camera yet: none is configured in {key} without a policy of its own."


def _show_camera(book: PolicyBook, camera_id: str, *, as_json: bool) -> None:
    from winnow.errors import Refused

    if not book.has_default:
        raise Refused("there is no default policy yet; `winnow topics apply` writes the first")
    found = book.in_force(camera_id)
    looked = {key: book.policies[key][0] if key in book.policies else None for key in book.keys(camera_id)}
    key = next(key for key, version in looked.items() if version is not None)
    if as_json:
        scene = {"scene": found.scene, "split_block_s": found.split_block_s, "camera_version": found.camera_version}
        told = {"camera": camera_id, "key": key, "version": found.version, "looked_for": looked, **scene}
        print(json.dumps(told | {"policy": _plain(found.policy)}))
        return
    print(f"{camera_id} goes by {key}, version {found.version}")
    for other, version in looked.items():
        why = "none" if version is None else f"version {version}{', in force' if other == key else ''}"
        print(f"  {other}: {why}")
    if found.camera_version < 0:
        print("  It is not configured, so it has no group (`winnow camera add`).")
    _print_fields(found.policy)
    print(f"Train and test blocks of {found.split_block_s:g} s are cut for {found.scene}.")


def _show_all(book: PolicyBook, *, as_json: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from winnow_cli.selection.policies import TYPES

    found = sorted(book.policies.items(), key=lambda item: (item[0] != "default", item[0]))
    if as_json:
        rows = [{"key": key, "version": version, "policy": _plain(policy)} for key, (version, policy) in found]
        print(json.dumps({"policies": rows}))
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("policy", overflow="fold")
    table.add_column("version", justify="right", no_wrap=True)
    table.add_column("changed (UTC)", no_wrap=True)
    table.add_column("fields")
    for key, (version, policy) in found:
        values = [(name, getattr(policy, name)) for name in TYPES if name != "note"]
        told = ", ".join(f"{name} {_number(value)}" for name, value in values)
        told += f" ({policy.note})" if policy.note else ""
        table.add_row(Text(key), str(version), f"{policy.changed_at:%Y-%m-%d %H:%M:%S}", Text(told))
    Console().print(table)


def _print_fields(policy: SelectionPolicy) -> None:
    shown = _plain(policy)
    shown["sampling_key"] = shown["sampling_key"] or "that of the default"
    for name, value in shown.items():
        if value != "":
            print(f"  {name:<16}{_number(value)}")


def _told(version: Version) -> str:
    if version.ignored:
        return f"ignored by the selector: {version.ignored}"
    if version.removed:
        return "removed: what it inherits is in force"
    return (", ".join(_changes(version.changes)) or "no field") + (f" ({version.note})" if version.note else "")


def _changes(changes: dict[str, dict[str, Any]]) -> list[str]:
    """`field old -> new`, or `field new` where there was nothing before."""
    return [
        f"{name} {'' if change['old'] is None else _number(change['old']) + ' -> '}{_number(change['new'])}"
        for name, change in changes.items()
    ]


def _plain(policy: SelectionPolicy) -> dict[str, Any]:
    from winnow_cli.selection.policies import shown

    return shown(policy)


def _plain_version(version: Version) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(version) | {"at": version.at.isoformat()}


def _number(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
