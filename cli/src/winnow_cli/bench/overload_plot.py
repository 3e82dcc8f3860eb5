"""The picture of the lag with overload off and on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from winnow_cli.bench.overload_result import BIN_S, LoadResult

WIDTH, HEIGHT = 1200, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 56, 44
INK, PALE, PAPER, GRID = "#1d2733", "#8a94a0", "#ffffff", "#e3e6ea"
LINES = {"off": "#c2452d", "on": "#1a8a4a"}
REDUCED = "#d8efe0"


def draw(results: Mapping[str, LoadResult], limit_s: float, load_s: float, path: Path) -> None:
    """A PNG: age of the oldest frame that got its verdict in each half second, for `off` and `on`."""
    curves = {name: result.curve() for name, result in results.items()}
    longest_s = max(at_s for curve in curves.values() for at_s, _, _ in curve) + BIN_S
    highest_s = max(lag_s for curve in curves.values() for _, lag_s, _ in curve) * 1.08

    def x(at_s: float) -> float:
        return LEFT + at_s / longest_s * (WIDTH - LEFT - RIGHT)

    def y(lag_s: float) -> float:
        return HEIGHT - BOTTOM - lag_s / highest_s * (HEIGHT - TOP - BOTTOM)

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    for at_s, _, reduced in curves["on"]:
        if reduced >= 0.5:
            pen.rectangle((x(at_s), TOP, x(at_s + BIN_S), HEIGHT - BOTTOM), fill=REDUCED)
    for tick in _ticks(highest_s):
        pen.line((LEFT, y(tick), WIDTH - RIGHT, y(tick)), fill=GRID)
        pen.text((LEFT - 8, y(tick)), f"{tick:g} s", fill=PALE, font=small, anchor="rm")
    for tick in _ticks(longest_s):
        pen.text((x(tick), HEIGHT - BOTTOM + 8), f"{tick:g} s", fill=PALE, font=small, anchor="ma")
    for dash in range(LEFT, WIDTH - RIGHT, 10):
        pen.line((dash, y(limit_s), dash + 5, y(limit_s)), fill=PALE)
    pen.text((WIDTH - RIGHT - 4, y(limit_s) - 4), f"limit {limit_s:g} s", fill=PALE, font=small, anchor="rs")
    pen.line((x(load_s), TOP, x(load_s), HEIGHT - BOTTOM), fill=PALE)
    pen.text((x(load_s) + 4, TOP + 2), "no more frames come", fill=PALE, font=small)
    for name, curve in curves.items():
        points = [(x(at_s + BIN_S / 2), y(lag_s)) for at_s, lag_s, _ in curve]
        if len(points) > 1:
            pen.line(points, fill=LINES[name], width=2)
    pen.rectangle((LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM), outline="#c4cad1")
    pen.text((LEFT, 10), "lag: age of the oldest frame that got its verdict", fill=INK, font=font)
    left = LEFT
    for name, text in (("off", "overload off"), ("on", "overload on")):
        pen.line((left, 42, left + 22, 42), fill=LINES[name], width=2)
        pen.text((left + 28, 42), text, fill=INK, font=small, anchor="lm")
        left += 130
    pen.rectangle((left, 36, left + 22, 48), fill=REDUCED)
    pen.text((left + 28, 42), "reduced effort in use", fill=INK, font=small, anchor="lm")
    image.save(path, "PNG")


def _ticks(highest: float) -> list[float]:
    """Round numbers from 0 up, five to ten of them."""
    step = 10.0 ** math.floor(math.log10(highest / 5))
    step = next(step * factor for factor in (1, 2, 5, 10) if highest / (step * factor) <= 10)
    return [number * step for number in range(int(highest / step) + 1)]
