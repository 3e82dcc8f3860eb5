"""The tables of `winnow bench peers`."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from winnow_cli.bench.peers.catalogue import OURS


def show(found: dict[str, Any], console: Console) -> None:
    """Prints what `run` found."""
    for size in found["speed"]:
        console.print(_speed(size, found["images_of"]))
    console.print(_duplicates(found))
    console.print(_defects(found))
    for name, about in found["peers"].items():
        if "not_installed" in about:
            console.print(f"{name} {about['version']} is not installed: {about['not_installed']}", markup=False)
    for name, reason in found["failed"].items():
        console.print(f"{name} gave no answer on the sets: {reason}", markup=False)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _speed(size: dict[str, Any], images_of: str) -> Table:
    kb = size["bytes_per_image"] / 1000
    title = f"Speed on one core: {size['images']} images of {size['width']}x{size['height']}, {kb:.0f} KB, {images_of}"
    table = _table(title, "tool and job", "images a CPU second", "Winnow is faster", "images a second", "start, CPU s")
    ours = max((job["per_cpu_s"] for job in size["tools"][OURS].get("jobs", {}).values()), default=None)
    for tool, figures in size["tools"].items():
        if "failed" in figures:
            table.add_row(Text(f"{tool}: {figures['failed']}"))
        for name, job in figures.get("jobs", {}).items():
            faster = f"{ours / job['per_cpu_s']:.1f}x" if ours is not None and tool != OURS else ""
            start = f"{figures['startup_cpu_s']:.1f}"
            table.add_row(f"{tool} {name}", f"{job['per_cpu_s']:.0f}", faster, f"{job['per_s']:.0f}", start)
    return table


def _duplicates(found: dict[str, Any]) -> Table:
    title = (
        f"Near-duplicates of one camera: {found['pairs']} pairs, half of them the same scene; "
        f"{found['objects']} with a small object"
    )
    # What a terminal of 80 columns has room for; the JSON has the rest.
    columns = ("F1\n(95 %)", "precision", "recall", "objects\nseen", "best\nF1")
    table = _table(title, "tool and cut-off", *columns)
    for row in found["duplicates"]:
        cut_off = "by its noise" if row["cut_off"] is None else f"<= {row['cut_off']:g}"
        by_default = row["by_default"]
        table.add_row(
            f"{row['tool']}\n  {row['method']} {cut_off}",
            f"{_share(by_default['f1'])}\n{'-'.join(f'{bound:.2f}' for bound in by_default['interval'])}",
            _share(by_default["precision"]),
            _share(by_default["recall"]),
            _share(by_default["objects_seen"]),
            _share(row["best"]["f1"]),
        )
    return table


def _defects(found: dict[str, Any]) -> Table:
    title = f"Spoiled frames against good ones of the same {found['cameras']} cameras, AUC (mean of the cameras')"
    tools = list(dict.fromkeys(tool for row in found["defects"] for tool in row["tools"]))
    table = _table(title, "defect", *tools)
    for row in found["defects"]:
        cells = [row["tools"][tool] for tool in tools]
        shown = [f"{_share(cell['auc'])} ({_share(cell['mean_of_cameras'])})" if cell else "none" for cell in cells]
        table.add_row(f"{row['condition']}: {row['defect']}", *shown)
    return table


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
