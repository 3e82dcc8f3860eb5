"""`winnow camera`: what is configured of a camera."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from winnow.events import Camera
    from winnow.settings import KafkaSettings
    from winnow_cli.selection.cameras import Given
    from winnow_cli.selection.topics import SelectionTopics

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Cameras: name, group, time zone, expected interval, ignore masks, partition. A camera sends without any of "
        "it; `winnow status --cameras` shows how it does."
    ),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The camera's id, as its frames carry it.")]
Name = Annotated[str | None, typer.Option(help="A name for people.")]
Group = Annotated[
    str | None, typer.Option(help="Cameras that see one scene share a group, its policy and its train and test blocks.")
]
TimeZone = Annotated[str | None, typer.Option(metavar="ZONE", help="IANA name, such as Europe/Berlin.")]
Interval = Annotated[
    str | None,
    typer.Option(
        "--expected-interval", metavar="SECONDS", help="Usual time between frames; three without one: silent."
    ),
]
Mask = Annotated[
    list[str] | None,
    typer.Option(
        metavar="POLYGON|FILE",
        help="What to ignore: x0,y0,x1,y1,… in shares of width and height, or a picture, black where ignored. "
        "Repeatable; all given replace all before.",
    ),
]
Partition = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER",
        help="Of the frames topic, in place of the id's hash. A camera that moves is judged as a new one: "
        "its state stays behind.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]


@app.command()
def add(
    camera_id: Id,
    *,
    name: Name = None,
    group: Group = None,
    time_zone: TimeZone = None,
    expected_interval: Interval = None,
    mask: Mask = None,
    partition: Partition = None,
    as_json: AsJson = False,
) -> None:
    """Configure a camera that is not configured yet.

    Example: winnow camera add yard-1 --group yard --expected-interval 1 --mask 0,0,0.3,0,0.3,0.06,0,0.06
    """
    from winnow.clock import now
    from winnow.errors import Refused
    from winnow_cli.selection.cameras import new_camera

    settings, topics = _topics()
    if camera_id in topics.cameras():
        raise Refused(f"camera {camera_id} is configured already; nothing was written. `winnow camera set` changes it")
    given = _given(
        name=name,
        group=group,
        time_zone=time_zone,
        expected_interval_s=expected_interval,
        masks=mask or None,
        partition=partition,
    )
    camera = new_camera(camera_id, given, _partitions(settings), now())
    version = topics.write(topics.names.cameras, camera_id, camera)
    _print(camera, version, as_json=as_json)


@app.command("set")
def set_camera(
    camera_id: Id,
    *,
    name: Name = None,
    group: Group = None,
    time_zone: TimeZone = None,
    expected_interval: Interval = None,
    mask: Mask = None,
    partition: Partition = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and nothing else; an empty value goes back to the default.

    Example: winnow camera set yard-1 --group "" --mask clock.png
    """
    from dataclasses import replace

    from winnow.clock import now
    from winnow_cli.selection.cameras import changed_camera

    given = _given(
        name=name,
        group=group,
        time_zone=time_zone,
        expected_interval_s=expected_interval,
        masks=mask or None,
        partition=partition,
    )
    if not given:
        raise typer.BadParameter("nothing to change; `winnow camera set --help` names what can be")
    settings, topics = _topics()
    version, before = _configured(topics, camera_id)
    camera = changed_camera(before, given, _partitions(settings), now())
    if replace(camera, changed_at=before.changed_at) == before:
        camera = before
    else:
        version = topics.write(topics.names.cameras, camera_id, camera)
    _print(camera, version, as_json=as_json)
    if camera.partition != before.partition and not as_json:
        print("It moves: from now on it is judged as a new camera, for its state stays in the old partition.")
    if camera.group != before.group and not as_json:
        print("Its train and test blocks are cut another way from now on: a group's cameras share theirs.")


@app.command()
def show(camera_id: Id, as_json: AsJson = False) -> None:
    """What is configured of one camera. Exit 1 if nothing is.

    Example: winnow camera show yard-1 --json | jq .masks
    """
    _, topics = _topics()
    version, camera = _configured(topics, camera_id)
    _print(camera, version, as_json=as_json)


@app.command("list")
def list_cameras(as_json: AsJson = False) -> None:
    """Every configured camera.

    Example: winnow camera list --json | jq -r '.cameras[] | select(.group == "yard") | .camera_id'
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    _, topics = _topics()
    found = sorted(topics.cameras().items())
    if as_json:
        print(json.dumps({"cameras": [_plain(camera, version) for _, (version, camera) in found]}))
        return
    if not found:
        print("No camera is configured, and none has to be: `winnow status --cameras` shows those that send.")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("camera", "name", "group"):
        table.add_column(column, overflow="fold")
    for column in ("time zone", "every", "masks", "partition", "version"):
        table.add_column(column, no_wrap=column != "time zone", justify="left" if column == "time zone" else "right")
    for _, (version, camera) in found:
        shown = _words(camera)
        cells = [camera.name, camera.group or "", camera.time_zone, shown["every"], str(len(camera.masks) or "")]
        partition = "" if camera.partition is None else str(camera.partition)
        table.add_row(*(Text(cell) for cell in (camera.camera_id, *cells, partition, str(version))))
    Console().print(table)


@app.command()
def remove(camera_id: Id, as_json: AsJson = False) -> None:
    """Forget what is configured of a camera; its frames, verdicts and own policy stay. Exit 1 if nothing is.

    Example: winnow camera remove yard-1
    """
    _, topics = _topics()
    _configured(topics, camera_id)
    version = topics.write(topics.names.cameras, camera_id, None)
    if as_json:
        print(json.dumps({"removed": camera_id, "version": version}))
    else:
        print(
            f"{camera_id}: nothing is configured any more (version {version}). If it sends, it is judged all the same."
        )


def _topics() -> tuple[KafkaSettings, SelectionTopics]:
    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment
    from winnow_cli.selection.topics import SelectionTopics

    environment()
    settings = load(KafkaSettings)
    return settings, SelectionTopics(settings)


def _partitions(settings: KafkaSettings) -> int:
    from ledger.adapters.topics import Topics

    return len(Topics(settings, client_id="winnow-camera").partitions(settings.names.frames))


def _configured(topics: SelectionTopics, camera_id: str) -> tuple[int, Camera]:
    from winnow.errors import Refused

    found = topics.cameras().get(camera_id)
    if found is None:
        raise Refused(
            f"camera {camera_id} is not configured; nothing was written. `winnow camera add` configures it, "
            "`winnow camera list` names those that are"
        )
    return found


def _given(**typed: str | list[str] | None) -> Given:
    return {field: value for field, value in typed.items() if value is not None}


def _plain(camera: Camera, version: int) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(camera) | {"changed_at": camera.changed_at.isoformat(), "version": version}


def _words(camera: Camera) -> dict[str, str]:
    polygons = f"{len(camera.masks)} polygon{'s' if len(camera.masks) > 1 else ''}" if camera.masks else "none"
    return {
        "name": camera.name or "none",
        "group": camera.group or "none",
        "time zone": camera.time_zone,
        "every": f"{camera.expected_interval_s:g} s" if camera.expected_interval_s else "",
        "masks": polygons,
        "partition": "by the id's hash" if camera.partition is None else str(camera.partition),
    }


def _print(camera: Camera, version: int, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_plain(camera, version)))
        return
    print(f"{camera.camera_id}, version {version} of {camera.changed_at:%Y-%m-%d %H:%M:%S} UTC")
    for name, value in _words(camera).items():
        label = "expected interval" if name == "every" else name
        print(f"  {label:<18}{value or 'not set'}")
