"""The verbs of the `winnow` command, one module each; what a verb needs is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winnow_cli.commands import stack

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add every verb to `app`."""
    app.command()(stack.up)
    app.command()(stack.down)
    app.command()(stack.status)
    app.command()(stack.logs)
