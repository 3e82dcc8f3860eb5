"""The page of a selection: it says what the verdicts say, loads nothing, and is there whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.camera import WARM, encoded, scene
from tests.support.pictures import picture
from typer.testing import CliRunner, Result

from winnow.clock import EPOCH
from winnow.events import Outcome, Verdict
from winnow.events import Source as Place
from winnow_cli.__main__ import app
from winnow_cli.offline.html import album, sample, timeline
from winnow_cli.offline.html.album import Album
from winnow_cli.offline.html.sample import Sample
from winnow_cli.offline.html.stream import Seen

SCENE = "scene:yard?seed=3&minutes=0.5&width=320&height=180&visits_per_minute=10"
START = "2026-03-01T12:00:00Z"
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{7*7}}\u202e"
VOID = {"meta", "img", "input", "br", "link", "base"}

Select = Callable[..., Result]


@pytest.fixture
def select() -> Iterator[Select]:
    """`winnow select` within this process."""
    yield lambda *arguments: CliRunner().invoke(app, ["select", *map(str, arguments)])
    structlog.reset_defaults()


@dataclass(eq=False)
class Element:
    tag: str
    attributes: dict[str, str] = field(repr=False)
    parents: tuple[Element, ...] = field(repr=False)
    text: str = field(default="", repr=False)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


@dataclass(eq=False, repr=False)
class Page(HTMLParser):
    """A page's elements in their order; an element's text has that of the elements within it."""

    html: str
    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        assert not self._open, "a tag is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, class_: str = "") -> list[Element]:
        return [one for one in self.elements if one.tag == tag and (not class_ or class_ in one.classes)]

    def within(self, parent: Element, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag and parent in one.parents]

    def data(self, id_: str) -> Any:
        return json.loads(next(one.text for one in self.elements if one.attributes.get("id") == id_))


def page_of(folder: Path) -> Page:
    return Page((folder / "index.html").read_text("utf-8"))


def folder_of(path: Path, count: int = 12) -> Path:
    """Pictures that are new, like another or the same as another; one cannot be decoded."""
    path.mkdir()
    for number in range(count):
        image = picture(number % 9, objects=number % 9 // 3)
        (path / f"{number}.jpg").write_bytes(image[: len(image) // 2] if number == 7 else image)
        os.utime(path / f"{number}.jpg", (1_700_000_000 + number, 1_700_000_000 + number))
    return path


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Page]:
    """Frames of a scene and of a folder, as `--json` has them, and the page of the same run."""
    path = tmp_path_factory.mktemp("judged")
    policy = path / "policy.json"
    policy.write_text(json.dumps({"kept_per_hour": 1200.0, "burst": 4.0, "control_every_s": 6.0, "split_block_s": 3.0}))
    sources = [SCENE, str(folder_of(path / "pictures"))]
    result = CliRunner().invoke(
        app, ["select", *sources, "--start", START, "--policy", str(policy), "--report", str(path / "page"), "--json"]
    )
    structlog.reset_defaults()
    assert result.exit_code == 0, result.stderr
    assert f"look at {path / 'page' / 'index.html'}" in result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()], page_of(path / "page")


def test_every_frame_is_counted_and_marked_with_its_reason(judged: tuple[list[dict[str, Any]], Page]) -> None:
    frames, page = judged
    counts = Counter(frame["reason"] for frame in frames)
    assert {"novel", "control", "near_duplicate", "identical_bytes", "over_budget", "undecodable"} <= set(counts)
    rows = [one for one in page.all("tr") if "data-reason" in one.attributes]
    assert {
        row.attributes["data-reason"]: int(page.within(row, "td")[0].text.replace(",", "")) for row in rows
    } == counts
    reasons = page.data("reasons-data")
    for number, camera in enumerate(("yard", "pictures")):
        of_camera = [frame for frame in frames if frame["camera_id"] == camera]
        marked = page.data(f"frames-{number}")["rows"]
        assert [(reasons[row[1]], row[3]) for row in marked] == [(one["reason"], one["index"]) for one in of_camera]
        plots = page.all("div", "timeline")[number]
        lanes = [one for one in page.all("div", "row") if plots in one.parents and "data-reason" in one.attributes]
        assert all(page.within(lane, "path") for lane in lanes)
        assert {
            reasons[int(lane.attributes["data-reason"])]: int(page.within(lane, "span")[-1].text) for lane in lanes
        } == Counter(frame["reason"] for frame in of_camera)


def test_every_kept_frame_is_there_with_its_reason_time_and_numbers(judged: tuple[list[dict[str, Any]], Page]) -> None:
    frames, page = judged
    kept = [frame for frame in frames if frame["outcome"] == "kept"]
    cards = page.all("article", "group")
    assert len(cards) == len(kept)
    for frame, card in zip(kept, cards, strict=True):
        figure = next(one for one in page.within(card, "figure") if "kept" in one.classes)
        assert frame["reason"] in figure.text
        assert page.within(figure, "time")[0].attributes["datetime"] == frame["event_time"]
        assert page.within(figure, "img")[0].attributes["src"].startswith("data:image/jpeg;base64,/9j/")
        names = [name for name in ("residual", "cosine") if name in frame["signals"]]
        for name in names:
            assert re.search(rf"{name} [<\d.]+ [≤>] [\d.]+", figure.text), figure.text
        assert "control" not in frame["flags"] or f"the rules: {frame['rules']['outcome']}" in figure.text
    targets = {one.attributes["href"][1:] for one in page.all("a")}
    assert {card.attributes["id"] for card in cards} <= targets  # from the timeline, without JavaScript


def test_a_rejected_frame_stands_beside_the_kept_one_it_is_most_like(judged: tuple[list[dict[str, Any]], Page]) -> None:
    frames, page = judged
    by_id = {frame["frame_id"]: frame for frame in frames}
    seen = 0
    for number, camera in enumerate(("yard", "pictures")):
        of_camera = [frame for frame in frames if frame["camera_id"] == camera]
        for item in page.all("li", "item"):
            if not item.attributes["id"].startswith(f"c{number}f") or not page.within(item, "img"):
                continue
            frame = of_camera[int(item.attributes["id"].partition("f")[2])]
            nearest = by_id[frame["nearest"]]
            while nearest["outcome"] != "kept":
                nearest = by_id[nearest["nearest"]]
            group = next(one for one in item.parents if one.tag == "article")
            assert group.attributes["id"] == f"c{number}f{of_camera.index(nearest)}"
            assert frame["reason"].replace("_", " ") in item.text
            assert f"frame {frame['index']}" in item.text
            if frame["reason"] == "near_duplicate":
                assert "residual" in item.text and "≤" in item.text and ">" not in item.text
            if frame["reason"] == "over_budget":
                assert ">" in item.text and "<" in item.text
            seen += 1
    shown = {
        row.attributes["data-reason"]: int(found.group(1)) if (found := re.search(r"(\d+) shown", row.text)) else None
        for row in page.all("tr")
        if "data-reason" in row.attributes
    }
    rejected = Counter(frame["reason"] for frame in frames if frame["outcome"] == "rejected")
    assert seen == sum(rejected[reason] if shown[reason] is None else shown[reason] for reason in rejected)
    assert any(number is not None for number in shown.values())


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Page]:
    """A camera that blurs for a while and is covered later: its frames and their page."""
    path = tmp_path_factory.mktemp("spoiled")
    pictures = path / "gate"
    pictures.mkdir()
    stretches = [(WARM, {}), (3, {"blur": 1.2}), (3, {}), (3, {"fog": 0.5}), (3, {}), (6, {"covered": True}), (3, {})]
    faults = [fault for count, fault in stretches for _ in range(count)]
    for number, fault in enumerate(faults):
        (pictures / f"{number:03}.jpg").write_bytes(encoded(scene(number, **fault)))
        os.utime(pictures / f"{number:03}.jpg", (1_700_000_000 + number, 1_700_000_000 + number))
    result = CliRunner().invoke(
        app, ["select", str(pictures), "--start", START, "--report", str(path / "page"), "--json"]
    )
    structlog.reset_defaults()
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()], page_of(path / "page")


WORDED = {
    "blurred": ("focus -",),
    "obscured": ("visibility -", "typical contrast -", "best contrast -"),
    "tampered": ("in a row 3 ≥ 3", "sharpest -", "best contrast -", "pattern"),
}


@pytest.mark.parametrize("reason", WORDED)
def test_what_is_rejected_for_its_quality_stands_beside_its_nearest_kept_frame_with_what_decided(
    spoiled: tuple[list[dict[str, Any]], Page], reason: str
) -> None:
    frames, page = spoiled
    wanted = [frame for frame in frames if frame["reason"] == reason]
    assert len(wanted) >= 3
    place = {frame["frame_id"]: number for number, frame in enumerate(frames)}
    items = {one.attributes["id"]: one for one in page.all("li", "item")}
    rows = page.data("frames-0")["rows"]
    for frame in wanted:
        item = items[f"c0f{place[frame['frame_id']]}"]
        group = next(one for one in item.parents if one.tag == "article")
        assert group.attributes["id"] == f"c0f{place[frame['nearest']]}"
        assert frames[place[frame["nearest"]]]["outcome"] == "kept"
        text = " ".join(item.text.split())
        for words in (*WORDED[reason], "residual"):
            assert words in text
            assert words in rows[place[frame["frame_id"]]][-1], "the reading of the timeline has it too"
    pairs = [one for one in page.all("figure", "pair") if reason in one.text]
    assert pairs and all(len(page.within(one, "img")) == 2 for one in pairs)


def test_curves_of_signals_below_zero_are_drawn(spoiled: tuple[list[dict[str, Any]], Page]) -> None:
    frames, page = spoiled
    lowest = min(frame["signals"]["focus"] for frame in frames if "focus" in frame["signals"])
    chart = next(one for one in page.all("div", "chart") if one.text.split()[0] == "focus")
    assert float(re.search(r"(-[\d.]+) to", chart.text)[1]) == pytest.approx(lowest, abs=0.01)  # type: ignore[index]
    value = next(one for one in page.within(chart, "path") if "value" in one.classes).attributes["d"]
    assert len(set(re.findall(r" ([\d.]+)", value))) > 5


def test_the_page_loads_nothing_and_runs_no_other_script(judged: tuple[list[dict[str, Any]], Page]) -> None:
    _, page = judged
    for element in page.elements:
        assert element.tag not in {"link", "iframe", "object", "embed", "base", "image", "use"}
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert element.attributes.get(name, "#").startswith(("data:image/jpeg;base64,", "#"))
    assert not re.search(r"url\(|@import|@font-face", "".join(one.text for one in page.all("style")))
    scripts = [one for one in page.all("script") if one.attributes.get("type") != "application/json"]
    assert len(scripts) == 1
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?:", scripts[0].text)
    policy = next(one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes)
    digest = base64.b64encode(hashlib.sha256(scripts[0].text.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_names_of_cameras_and_files_are_text_whatever_they_are(select: Select, tmp_path: Path) -> None:
    pictures = folder_of(tmp_path / "pictures", 3)
    name = HOSTILE.replace("/", "\u2215")
    (pictures / f"{name}.jpg").write_bytes(picture(50, objects=4))
    (pictures / f"{name}.txt").write_text("not a picture")
    (pictures / f"{name}.torn.jpg").write_bytes(picture(51)[:2000])
    Path(os.fsdecode(bytes(pictures) + b"/\xff\xfe.jpg")).write_bytes(picture(52, objects=5))
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"kept_per_hour": 36_000.0, "burst": 100.0}))
    arguments = ["--camera", HOSTILE, "--start", START, "--policy", policy, "--report", tmp_path / "page"]
    result = select(pictures, *arguments)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.exception
    page = page_of(tmp_path / "page")
    plain = Counter(one.tag for one in page.elements if one.tag != "img")
    assert (plain["script"], plain["title"], plain["bdi"] > 3) == (3, 1, True)
    assert all(one.attributes["src"].startswith("data:image/jpeg") for one in page.all("img"))
    assert HOSTILE in page.all("h2")[1].text
    assert "49" not in page.all("h2")[1].text
    items = " ".join(one.text for one in page.all("li"))
    assert f"{name}.txt" in items and f"{name}.torn.jpg" in items
    files = [one.text for one in page.all("span", "file")]
    assert any(f"{name}.jpg" in one for one in files) and any("??.jpg" in one for one in files)


@pytest.mark.parametrize(
    ("held", "named"),
    [
        ({"notes.txt": "mine"}, "notes.txt"),
        ({"index.html": "<!doctype html><title>mine</title>"}, "index.html"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_before_anything_is_judged(
    select: Select, tmp_path: Path, held: dict[str, str], named: str
) -> None:
    target = tmp_path / "page"
    target.mkdir()
    for name, text in held.items():
        (target / name).write_text(text)
    result = select(tmp_path / "not-even-there.mp4", "--report", target)
    assert result.exit_code == 1
    assert named in str(result.exception) and "stays as it is" in str(result.exception)
    assert {path.name: path.read_text() for path in target.iterdir()} == held


def test_a_file_is_no_folder_for_a_page(select: Select, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine")
    result = select(folder_of(tmp_path / "pictures", 2), "--report", tmp_path / "page")
    assert result.exit_code == 1 and "is no folder" in str(result.exception)
    assert (tmp_path / "page").read_text() == "mine"


def test_a_page_takes_the_place_of_an_earlier_one_only_when_it_is_whole(
    select: Select, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, target = folder_of(tmp_path / "pictures", 3), tmp_path / "a" / "page"
    arguments = [pictures, "--start", START, "--report", target]
    assert select(*arguments).exit_code == 0
    before = (target / "index.html").read_bytes()
    (target / ".index.html.partial").write_text("of a run that was killed while it wrote")
    (pictures / "3.jpg").write_bytes(picture(60, objects=5))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = select(*arguments)
    assert result.exit_code == 1 and "No space left on device" in str(result.exception)
    assert (target / "index.html").read_bytes() == before
    assert select(*arguments).exit_code == 0
    assert [path.name for path in target.iterdir()] == ["index.html"]
    assert len(page_of(target).data("frames-0")["rows"]) == 4


def test_the_same_run_makes_the_same_page(select: Select, tmp_path: Path) -> None:
    pictures = folder_of(tmp_path / "pictures", 5)
    for name in ("one", "two"):
        assert select(pictures, "--start", START, "--report", tmp_path / name).exit_code == 0
    assert (tmp_path / "one/index.html").read_bytes() == (tmp_path / "two/index.html").read_bytes()


def test_what_was_not_read_is_on_the_page(select: Select, tmp_path: Path) -> None:
    pictures = folder_of(tmp_path / "pictures", 3)
    (pictures / "notes.txt").write_text("not a picture")
    assert select(pictures, tmp_path / "gone.mp4", "--start", START, "--report", tmp_path / "page").exit_code == 1
    page = page_of(tmp_path / "page")
    assert any("gone.mp4 is not there" in one.text for one in page.all("p", "note"))
    assert any("notes.txt" in one.text and "not a JPEG" in one.text for one in page.all("li"))


def seen(place: int) -> Seen:
    verdict = Verdict("gate", str(place), Place("file", 0, place), EPOCH, EPOCH, EPOCH, Outcome.REJECTED, "", EPOCH)
    return Seen(place, "file", place, verdict, named=0, beside=0)


def test_rejected_frames_that_are_shown_are_few_spread_and_have_the_closest_call() -> None:
    image = picture(1, size=(160, 120))
    of_reason = Sample(Album(10_000_000, 80))
    frames = [seen(place) for place in range(1000)]
    for frame in frames:
        of_reason.offer(frame, image, beside=0, difference=0.9 if frame.place == 613 else frame.place % 7 / 10)
    shown = [frame.place for frame in frames if frame.picture is not None]
    assert len(shown) == sample.MOST_BESIDE_ONE
    assert 613 in shown
    assert max(shown) - min(shown) > 300
    # As many kept frames as there is room for, and more: one beside each, those that differ most.
    others = [seen(place) for place in range(sample.MOST + 60)]
    for frame in others:
        of_reason.offer(frame, image, beside=frame.place + 1, difference=1.0 + frame.place)
    shown = [frame.place for frame in others if frame.picture is not None]
    assert sum(frame.picture is not None for frame in [*frames, *others]) == sample.MOST
    assert shown == list(range(60, sample.MOST + 60))


def test_pictures_become_smaller_rather_than_more_than_their_budget() -> None:
    image = picture(1, noise=30.0, size=(640, 480))
    pictures = Album(200_000)
    held = [pictures.add(image) for _ in range(40)]
    assert all(one is not None and one.width < album.SIDES[0] for one in held)
    assert sum(len(one.jpeg) for one in held if one is not None) <= 200_000
    assert {(one.width, one.height) for one in held if one is not None} == {(held[-1].width, held[-1].height)}  # type: ignore[union-attr]
    full = [pictures.add(image) for _ in range(200)]
    assert full[-1] is None
    assert sum(len(one.jpeg) for one in [*held, *full] if one is not None) <= 200_000


def test_a_long_stream_makes_no_longer_paths_and_loses_no_peak() -> None:
    axis = timeline.Axis(0, 3_600_000)
    times = range(0, 3_600_001, 36)
    assert len(timeline.marks(axis, times, 16)) < 30_000
    flat = timeline.chart(axis, [(ms, 0.0, 6.0) for ms in times])
    peak = timeline.chart(axis, [(ms, 7.5 if ms == 1_800_000 else 0.0, 6.0) for ms in times])
    assert len(peak.value) < 60_000
    assert " 0.0L" in peak.value and " 0.0L" not in flat.value
    assert (peak.top, peak.clipped) == (7.5, False)
    blocks = [(0, "train"), (900_000, "test"), (1_800_000, "test"), (2_700_000, "train")]
    assert timeline.bands(axis, blocks, "test") == [(250.0, 500.0)]
    ticks = timeline.ticks(timeline.Axis(1_000, 601_000))
    assert [tick.label for tick in ticks] == ["00:02", "00:04", "00:06", "00:08", "00:10"]
