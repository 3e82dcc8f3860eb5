"""The tables of `winnow bench peers`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from winnow_cli.bench.peers.run import OURS


def show(found: dict[str, Any], console: Console) -> None:
    """Prints what `run` found."""
    for size in found["speed"]:
        console.print(_speed(size, found["images_of"]))
    for name, about in found["peers"].items():
        if "not_installed" in about:
            console.print(f"{name} {about['version']}: not installed: {about['not_installed']}", markup=False)


def _speed(size: dict[str, Any], images_of: str) -> Table:
    kb = size["bytes_per_image"] / 1000
    title = f"{size['images']} images of {size['width']}x{size['height']}, {kb:.0f} KB each ({images_of})"
    table = Table(title=title, title_justify="left")
    table.add_column("tool")
    table.add_column("job")
    for column in ("images per CPU s", "Winnow is faster", "images/s", "start, CPU s"):
        table.add_column(column, justify="right")
    ours = max((job["per_cpu_s"] for job in size["tools"][OURS].get("jobs", {}).values()), default=None)
    for tool, figures in size["tools"].items():
        if "failed" in figures:
            table.add_row(tool, f"failed: {figures['failed']}")
        for name, job in figures.get("jobs", {}).items():
            faster = f"{ours / job['per_cpu_s']:.1f}x" if ours is not None and tool != OURS else ""
            start = f"{figures['startup_cpu_s']:.1f}"
            table.add_row(tool, name, f"{job['per_cpu_s']:.0f}", faster, f"{job['per_s']:.0f}", start)
    return table
