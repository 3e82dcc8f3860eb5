"""The `winnow` command. Each verb is a module of `winnow_cli.commands`."""

from __future__ import annotations

import logging

import typer

from winnow_cli import commands
from winnow_cli.failures import explained

app = typer.Typer(
    name="winnow",
    help="Camera streams into labelled data and better models; every frame is accounted for.",
    epilog=(
        "Exit codes: 0 it holds or is done, 1 it does not hold or failed, 2 wrong usage, 3 nothing is running.  \n"
        "A first look: `winnow demo`. Servers to work with: `winnow up`, then `winnow status`."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
commands.register(app)


def main() -> None:
    """Run the command of the arguments; errors that have an explanation end in one message, not a traceback."""
    logging.getLogger("winnow.kafka.client").addHandler(logging.NullHandler())
    logging.getLogger("winnow.kafka.client").propagate = False
    with explained():
        app()


if __name__ == "__main__":
    main()
