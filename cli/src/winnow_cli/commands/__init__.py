"""The verbs of the `winnow` command, one module each; what a verb needs is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winnow_cli.commands import (
    balance,
    bench,
    camera,
    chaos,
    check_producer,
    control,
    demo,
    dlq,
    doctor,
    policy,
    publish,
    replay,
    select,
    simulate,
    stack,
    test,
    topics,
    trace,
    upload_key,
)

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add every verb to `app`."""
    app.command()(demo.demo)
    app.command()(stack.up)
    app.command()(stack.down)
    app.command()(stack.status)
    app.command()(stack.logs)
    app.command()(doctor.doctor)
    app.command()(publish.publish)
    app.command()(select.select)
    app.command()(simulate.simulate)
    app.command()(replay.replay)
    app.command()(control.control)
    app.command(context_settings=test.PASSED_ON)(test.test)
    app.command()(balance.balance)
    app.command()(trace.trace)
    app.command("upload-key")(upload_key.upload_key)
    app.command("check-producer")(check_producer.check_producer)
    app.add_typer(camera.app, name="camera")
    app.add_typer(policy.app, name="policy")
    app.add_typer(dlq.app, name="dlq")
    app.add_typer(topics.app, name="topics")
    app.add_typer(bench.app, name="bench")
    app.add_typer(chaos.app, name="chaos")
