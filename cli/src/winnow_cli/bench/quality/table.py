"""The figures as a person reads them, and as a program does."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from winnow_cli.bench.quality.figures import Figure
from winnow_cli.bench.quality.run import Measured


def shown(measured: Measured) -> Table:
    """A table of one section; each interval is of 95 %, "worst" is the camera with the worst value."""
    table = Table(title=measured.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("", style="dim")
    for column in ("value", "95 %", "n", "worst camera", "goal"):
        table.add_column(column, justify="right")
    for figure in measured.figures:
        style = {True: "green", False: "bold red", None: ""}[figure.met]
        name = figure.name + (f" ({figure.note})" if figure.note else "")
        cells = (_number(figure.value), f"{_number(figure.low)} to {_number(figure.high)}", f"{figure.n:,}")
        table.add_row(Text(name), figure.kind, Text(cells[0], style), *cells[1:], _worst(figure), _goal(figure))
    return table


def as_rows(measured: Measured) -> list[dict[str, Any]]:
    return [{"section": measured.name, **asdict(figure), "met": figure.met} for figure in measured.figures]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _worst(figure: Figure) -> str:
    if not figure.by_camera:
        return ""
    worst = (max if figure.at_most else min)(figure.by_camera, key=lambda camera: figure.by_camera[camera])
    return f"{worst} {_number(figure.by_camera[worst])}"


def _goal(figure: Figure) -> Text:
    if figure.goal is None:
        return Text("")
    sign = "<=" if figure.at_most else ">="
    return Text(f"{sign} {figure.goal:g} {'met' if figure.met else 'missed'}", "green" if figure.met else "bold red")
