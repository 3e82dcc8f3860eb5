"""The report of a watch for people: problems first, what is fine in one line."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from winnow_cli.producers.domain.camera import CameraReport
from winnow_cli.producers.domain.finding import Finding, Level, counted, in_bytes, quantity
from winnow_cli.producers.watch import WatchReport

COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
DAY_S = 86_400
MOST_SHOWN = 20


def show(report: WatchReport, console: Console) -> None:
    """Prints it, worst first. What cameras have sent is shown as it is, never taken for markup or control codes."""
    wrong = [camera for camera in report.cameras if camera.findings]
    right = [camera.camera for camera in report.cameras if not camera.findings]
    levels = Counter(camera.level for camera in wrong)
    console.print(
        f"{report.topic}: {counted(report.records, 'record')} of {counted(len(report.cameras), 'camera')}; "
        f"{levels[Level.ERROR]} with errors, {levels[Level.WARNING]} with warnings",
        markup=False,
    )
    if report.findings:
        console.print(Text("\nthe topic itself", style="bold"))
        _show_findings(report.findings, console)
    for camera in wrong[:MOST_SHOWN]:
        console.print()
        console.print(_heading(camera))
        _show_findings(camera.findings, console)
    if len(wrong) > MOST_SHOWN:
        further = counted(len(wrong) - MOST_SHOWN, "further camera")
        console.print(f"\n{further} with findings: --camera ID, or --json for all.")
    if right:
        more = f" and {quantity(len(right) - MOST_SHOWN)} more" if len(right) > MOST_SHOWN else ""
        named = ", ".join(map(_plain, right[:MOST_SHOWN]))
        console.print(Text.assemble(("\nnothing to say of ", "green"), named, more))
    if report.not_looked_at:
        console.print(
            f"\n{quantity(report.not_looked_at)} records of still more cameras were not looked at: --camera ID."
        )
    if report.redriven:
        console.print(f"\nLeft out: {counted(report.redriven, 'record')} that `winnow dlq redrive` put back.")
    if report.batches_unread:
        console.print(f"\nCompression and idempotence: {report.batches_unread}.", markup=False)


def _heading(camera: CameraReport) -> Text:
    said = [counted(camera.records, "record")]
    if camera.per_s is not None:
        daily = in_bytes(camera.bytes / camera.records * camera.per_s * DAY_S)
        said += [f"{camera.per_s:.3g} a second", f"{daily} a day"]
    if camera.partitions:
        said.append(f"partition {', '.join(map(str, camera.partitions))}")
    return Text.assemble((_plain(camera.camera), "bold"), "  ", (", ".join(said), "dim"))


def _show_findings(findings: list[Finding], console: Console) -> None:
    table = Table.grid(padding=(0, 1, 0, 2))
    table.add_column(no_wrap=True, justify="right", min_width=len(Level.WARNING))
    table.add_column(overflow="fold")
    for finding in findings:
        where = f", first {finding.example}" if finding.example else ""
        how_many = f" ({quantity(finding.count)} of {quantity(finding.of)}{where})" if finding.count else ""
        table.add_row(
            Text(finding.level, style=COLOURS[finding.level]), Text.assemble(_plain(finding.what), (how_many, "dim"))
        )
        if finding.level is not Level.NOTE:
            table.add_row(Text("costs", style="dim"), Text(finding.cost))
            table.add_row(Text("mend", style="dim"), Text(finding.mend))
    console.print(table)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
