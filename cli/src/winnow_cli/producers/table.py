"""The report of a watch for people: problems first, what is fine in one line."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from winnow_cli.producers.domain.camera import CameraReport
from winnow_cli.producers.domain.finding import Finding, Level, in_bytes, quantity
from winnow_cli.producers.watch import WatchReport

COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
DAY_S = 86_400


def show(report: WatchReport, console: Console) -> None:
    """Prints it. What cameras have sent is shown as it is, never taken for markup."""
    errors = sum(camera.level is Level.ERROR for camera in report.cameras)
    warnings = sum(camera.level is Level.WARNING for camera in report.cameras)
    console.print(
        f"{report.topic}: {_counted(report.records, 'record')} of {_counted(len(report.cameras), 'camera')} "
        f"in {report.watched_s:g} s; {errors} with errors, {warnings} with warnings",
        markup=False,
    )
    if report.findings:
        console.print()
        console.print(Text("the topic itself", style="bold"))
        _show_findings(report.findings, console)
    for camera in report.cameras:
        if camera.findings:
            console.print()
            console.print(_heading(camera))
            _show_findings(camera.findings, console)
    fine = [camera.camera for camera in report.cameras if not camera.findings]
    if fine:
        console.print()
        console.print(Text.assemble(("nothing to say of ", "green"), ", ".join(fine)))
    if report.not_looked_at:
        console.print(
            f"\n{quantity(report.not_looked_at)} records of further cameras were not looked at: use --camera."
        )
    if report.batches_unread:
        console.print(f"\nCompression and idempotence were not looked at: {report.batches_unread}", markup=False)


def _heading(camera: CameraReport) -> Text:
    said = [_counted(camera.records, "record")]
    if camera.per_s is not None:
        daily = in_bytes(camera.bytes / camera.records * camera.per_s * DAY_S)
        said += [f"{camera.per_s:.3g} a second", f"{daily} a day"]
    if camera.partitions:
        said.append(f"partition {', '.join(map(str, camera.partitions))}")
    return Text.assemble((camera.camera, "bold"), "  ", (", ".join(said), "dim"))


def _show_findings(findings: list[Finding], console: Console) -> None:
    table = Table.grid(padding=(0, 1, 0, 2))
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    for finding in findings:
        where = f", first {finding.example}" if finding.example else ""
        counted = f" ({quantity(finding.count)} of {quantity(finding.of)}{where})" if finding.count else ""
        table.add_row(Text(finding.level, style=COLOURS[finding.level]), Text.assemble(finding.what, (counted, "dim")))
        if finding.level is not Level.NOTE:
            table.add_row(Text("costs", style="dim"), Text(finding.cost))
            table.add_row(Text("mend", style="dim"), Text(finding.mend))
    console.print(table)


def _counted(count: int, thing: str) -> str:
    return f"{quantity(count)} {thing}{'' if count == 1 else 's'}"
