"""The picture of simulated days: for each camera its thresholds, what was kept, and when something came by."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from winnow_cli.simulation.day import CameraResult
from winnow_cli.simulation.stream import DAY_S, START_HOUR

WIDTH, LEFT, RIGHT = 1600, 150, 20
TOP, ROW, GAP = 60, 120, 26
HIGHEST = 64.0
"""Novelty at a row's upper edge; its lower edge is .25, both on a logarithmic scale."""

LOWEST = 0.25
INK, PALE, PAPER = "#1d2733", "#8a94a0", "#ffffff"
CAUGHT, MISSED, LEAST = "#d3e6f5", "#f4b6ad", "#3b6ea5"
KEPT = {"novel": "#1a8a4a", "heartbeat": "#9aa0a6", "control": "#e08a00"}


def draw(results: list[CameraResult], path: Path) -> None:
    """A PNG of 1600 pixels by 146 a camera."""
    image = Image.new("RGB", (WIDTH, TOP + len(results) * (ROW + GAP) + 10), PAPER)
    pen = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    _legend(pen, small)
    for number, result in enumerate(results):
        _camera(pen, result, TOP + number * (ROW + GAP), font, small)
    image.save(path, "PNG")


def _camera(pen: ImageDraw.ImageDraw, result: CameraResult, top: int, font: Font, small: Font) -> None:
    kept_s = [point.at_s for point in result.points if point.kept not in ("", "control")]
    for stay in result.stays:
        caught = any(stay.start_s <= at_s < stay.end_s for at_s in kept_s)
        left = _x(stay.start_s)
        pen.rectangle((left, top, max(_x(stay.end_s), left + 1), top + ROW), fill=CAUGHT if caught else MISSED)
    for tick in (1, 4, 16):
        y = top + _y(tick)
        pen.line((LEFT, y, WIDTH - RIGHT, y), fill="#e3e6ea")
        pen.text((LEFT - 8, y), f"{tick}", fill=PALE, font=small, anchor="rm")
    line: dict[float, float] = {}
    for point in result.points:  # the highest threshold of each column of pixels
        x = round(_x(point.at_s))
        line[x] = min(line.get(x, math.inf), top + _y(point.least))
    pen.line([*line.items()], fill=LEAST)
    for point in result.points:
        if point.kept:
            middle, height = _x(point.at_s), top + _y(point.novelty)
            pen.ellipse((middle - 2.5, height - 2.5, middle + 2.5, height + 2.5), fill=KEPT.get(point.kept, INK))
    pen.rectangle((LEFT, top, WIDTH - RIGHT, top + ROW), outline="#c4cad1")
    missed = result.visits - result.caught
    pen.text((12, top + 8), result.camera_id, fill=INK, font=font)
    for row, text in enumerate((
        f"{result.by_rules:,} of {result.budget:,.0f}",
        f"{result.visits:,} visits",
        f"{missed:,} missed" if result.visits else "",
    )):  # fmt: skip
        pen.text((12, top + 34 + 18 * row), text, fill=PALE, font=small)
    for hour in range(0, 25, 3):
        text = f"{(START_HOUR + hour) % 24:02.0f}:00"
        pen.text((_x(hour * 3600.0), top + ROW + 4), text, fill=PALE, font=small, anchor="ma")


def _legend(pen: ImageDraw.ImageDraw, small: Font) -> None:
    x = 12
    pen.text((x, 20), "novelty over 24 hours:", fill=INK, font=small)
    x = LEFT
    for name, colour in KEPT.items():
        pen.ellipse((x, 24, x + 7, 31), fill=colour)
        pen.text((x + 12, 20), f"kept, {name}", fill=INK, font=small)
        x += 120
    pen.line((x, 28, x + 20, 28), fill=LEAST, width=2)
    pen.text((x + 26, 20), "novelty above which a frame arrives", fill=INK, font=small)
    x += 260
    for name, colour in (("visit with a kept frame", CAUGHT), ("missed visit", MISSED)):
        pen.rectangle((x, 21, x + 12, 34), fill=colour)
        pen.text((x + 18, 20), name, fill=INK, font=small)
        x += 180


def _x(at_s: float) -> float:
    return LEFT + at_s / DAY_S * (WIDTH - LEFT - RIGHT)


def _y(novelty: float) -> float:
    share = math.log(min(max(novelty, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return ROW * (1 - share)


Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
