"""The page's text: what was gathered, as the template shows it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from math import inf
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from winnow.events import Outcome
from winnow_cli.offline.html import folder, timeline, words
from winnow_cli.offline.html.report import NAMED, Report
from winnow_cli.offline.html.stream import Seen, Stream, reasons

HERE = Path(__file__).parent
CLOSEST = 3
"""Of each reason, pairs that stand at the top of the page."""

LANE = 16.0
OUTCOMES = [outcome.value for outcome in (Outcome.KEPT, Outcome.REJECTED, Outcome.UNREADABLE, Outcome.REDELIVERED)]


def write(report: Report) -> Path:
    """The page's path. Raises `Refused` where it cannot be written."""
    return folder.write(report.path, page(report))


def page(report: Report) -> str:
    """One HTML text that loads nothing: styles, script and pictures are in it."""
    # Names of cameras and files are anybody's: the template escapes all but these two, and no other script may run.
    script = (HERE / "page.js").read_text()
    sha256 = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"data_uri": _data_uri, "short": words.short, "time": _time, "duration": _duration}
    streams = list(report.streams.values())
    found = _reasons(streams)
    return environment.get_template("page.html.j2").render(
        report=report,
        title=", ".join(stream.camera_id for stream in streams),
        reasons=found,
        closest=_closest(streams),
        cameras=[_camera(stream, found) for stream in streams],
        outcomes=Counter(frame.verdict.outcome.value for stream in streams for frame in stream.frames),
        signals=words.SIGNALS,
        numbers=words.numbers,
        known=words.REASONS,
        named=NAMED,
        style=Markup((HERE / "page.css").read_text()),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_sha256=sha256,
    )


def _reasons(streams: list[Stream]) -> list[dict[str, Any]]:
    """Reasons that occurred, as the words have them in order, others behind."""
    frames = [frame for stream in streams for frame in stream.frames]
    counts = reasons(frames)
    shown = reasons([frame for frame in frames if frame.kept or frame.picture is not None])
    outcome = {frame.verdict.reason: frame.verdict.outcome.value for frame in frames}
    order = [*words.REASONS, *sorted(set(counts) - set(words.REASONS))]
    return [
        {
            "name": reason,
            "outcome": outcome[reason],
            "count": counts[reason],
            "share": counts[reason] / len(frames),
            "shown": shown[reason],
            "words": words.REASONS.get(reason, ""),
        }
        for reason in order
        if counts[reason]
    ]


def _closest(streams: list[Stream]) -> dict[str, list[tuple[int, Seen, Seen]]]:
    """By reason, the shown rejected frames that differ most, each with its camera's number and nearest kept frame.

    At most one of each stretch between two kept frames: neighbours show the same once more.
    """
    pairs = []
    for number, stream in enumerate(streams):
        kept_so_far = 0
        for frame in stream.frames:
            kept_so_far += frame.kept
            if not frame.kept and frame.picture is not None and frame.beside is not None:
                pairs.append(
                    (words.difference(frame.verdict), (number, kept_so_far), frame, stream.frames[frame.beside])
                )
    pairs.sort(key=lambda pair: -pair[0])
    found: dict[str, dict[tuple[int, int], tuple[int, Seen, Seen]]] = {reason: {} for reason in words.REASONS}
    for differs, stretch, frame, kept in pairs:
        of_reason = found.setdefault(frame.verdict.reason, {})
        if differs > 0 and stretch not in of_reason and len(of_reason) < CLOSEST:
            of_reason[stretch] = (stretch[0], frame, kept)
    return {reason: list(of_reason.values()) for reason, of_reason in found.items() if of_reason}


def _camera(stream: Stream, found: list[dict[str, Any]]) -> dict[str, Any]:
    axis = stream.axis
    beside = stream.beside()
    by_rules = stream.count(lambda frame: frame.kept and frame.verdict.reason != "control")
    return {
        "stream": stream,
        "axis": axis,
        "by_rules": by_rules,
        "an_hour": by_rules * 3600 / stream.span_s if stream.span_s > 0 else None,
        "ticks": timeline.ticks(axis),
        "lanes": [_lane(stream, axis, reason["name"]) for reason in found],
        "kept_lines": timeline.marks(axis, (f.at_ms for f in stream.frames if f.kept), timeline.HEIGHT),
        "charts": _charts(stream, axis),
        "test": timeline.bands(axis, [(frame.at_ms, frame.verdict.block) for frame in stream.frames], "test"),
        "blocks": Counter(frame.verdict.block for frame in stream.frames),
        "groups": [_group(stream.frames[place], others) for place, others in beside.items()],
        "alone": [f for f in stream.frames if f.beside is None and f.picture is not None],
        "unreadable": [f for f in stream.frames if f.verdict.outcome is Outcome.UNREADABLE],
        "rows": _rows(stream, axis, [reason["name"] for reason in found]),
    }


def _lane(stream: Stream, axis: timeline.Axis, reason: str) -> dict[str, Any]:
    frames = [frame for frame in stream.frames if frame.verdict.reason == reason]
    kept = [(frame.place, round(axis.x(frame.at_ms), 1)) for frame in frames if frame.kept]
    others = (frame.at_ms for frame in frames if not frame.kept)
    return {"reason": reason, "count": len(frames), "kept": kept, "marks": timeline.marks(axis, others, LANE)}


def _charts(stream: Stream, axis: timeline.Axis) -> list[tuple[str, timeline.Chart]]:
    found = []
    for name in words.CHARTS:
        points = [
            (frame.at_ms, frame.verdict.signals[name], frame.verdict.thresholds[name])
            for frame in stream.frames
            if name in frame.verdict.signals and name in frame.verdict.thresholds
        ]
        if points:
            found.append((name, timeline.chart(axis, points, clip=timeline.CLIP if name in words.DISTANCES else inf)))
    return found


def _group(kept: Seen, others: list[Seen]) -> dict[str, Any]:
    shown = [frame for frame in others if frame.picture is not None]
    return {"kept": kept, "counts": reasons(others), "shown": shown, "reasons": {kept.verdict.reason, *reasons(shown)}}


def _rows(stream: Stream, axis: timeline.Axis, names: list[str]) -> list[list[Any]]:
    """Of each frame, for the script: ms from the first, reason, place of the kept one, index, numbers.

    The distances, each with its limit; of what is rejected for its quality its numbers in words besides.
    """
    number = {name: place for place, name in enumerate(names)}
    return [
        [
            frame.at_ms - axis.first_ms,
            number[frame.verdict.reason],
            -1 if frame.beside is None else frame.beside,
            frame.index,
            *(
                float(f"{values[name]:.3g}") if name in values else None
                for name in words.DISTANCES
                for values in (frame.verdict.signals, frame.verdict.thresholds)
            ),
            *([_in_words(frame)] if frame.verdict.reason in words.QUALITY else []),
        ]
        for frame in stream.frames
    ]


def _in_words(frame: Seen) -> str:
    return ", ".join(" ".join(filter(None, one)) for one in words.numbers(frame.verdict))


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode()


def _time(frame: Seen, *, date: bool = False) -> str:
    moment = frame.verdict.event_time
    return f"{moment:{'%Y-%m-%d %H:%M:%S' if date else '%H:%M:%S'}}.{moment.microsecond // 100_000}"


def _duration(seconds: float) -> str:
    """Two units: 50.5 s, 12 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds < 60:
        return f"{words.short(round(seconds, 1))} s"
    whole = round(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next(place for place, (value, _) in enumerate(parts) if value)
    return " ".join(f"{value} {unit}" for value, unit in parts[first : first + 2] if value)
