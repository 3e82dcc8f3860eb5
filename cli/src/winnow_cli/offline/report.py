"""What a person sees of a selection without servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from winnow.events import Outcome
from winnow_cli.offline.judging import Judged

KEPT_SHOWN = 20
ORDER = [outcome.value for outcome in (Outcome.KEPT, Outcome.REJECTED, Outcome.UNREADABLE, Outcome.REDELIVERED)]


@dataclass
class Summary:
    """What became of all frames. `seconds` and `cpu_s` are of the whole run, the children that read videos included."""

    frames: int = 0
    refused: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: list[Judged] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0

    def add(self, judged: Judged) -> None:
        verdict = judged.verdict
        self.frames += 1
        self.reasons[verdict.outcome.value, verdict.reason] += 1
        if verdict.outcome is Outcome.KEPT and len(self.kept) < KEPT_SHOWN:
            self.kept.append(judged)

    def shown(self, sources: Sequence[str]) -> RenderableType:
        """The tables, for `sources` as they were given."""
        parts: list[RenderableType] = [self._reasons(), Padding(Text(self._speed(), style="dim"), (0, 0, 0, 1))]
        if self.kept:
            parts.append(self._kept(one_source=len(sources) == 1 and not Path(sources[0]).is_dir()))
        return Group(Text(), *parts)

    def _reasons(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=True, show_footer=True)
        table.add_column("outcome", footer="all")
        table.add_column("reason")
        table.add_column("frames", footer=f"{self.frames:,}", justify="right")
        table.add_column("share", justify="right")
        found = sorted(self.reasons.items(), key=lambda one: (ORDER.index(one[0][0]), -one[1]))
        for (outcome, reason), count in found:
            style = "bold green" if outcome == "kept" else ""
            table.add_row(outcome, reason.replace("_", " "), f"{count:,}", f"{count / self.frames:.1%}", style=style)
        return table

    def _speed(self) -> str:
        refused = f"; {self.refused:,} files were refused" if self.refused else ""
        rate = f"{self.frames / self.cpu_s:,.0f} frames per CPU second" if self.cpu_s else ""
        return f"{self.frames:,} frames in {self.seconds:.1f} s, {rate}, reading included{refused}"

    def _kept(self, *, one_source: bool) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=True)
        table.add_column("kept at (UTC)")
        if not one_source:
            table.add_column("source", overflow="fold")
        table.add_column("frame", justify="right")
        table.add_column("reason")
        table.add_column("block", style="dim")
        for one in self.kept:
            verdict = one.verdict
            # A name that is not UTF-8 comes as lone surrogates, which no terminal takes.
            source = [] if one_source else [Text(Path(one.source).name.encode("utf-8", "replace").decode())]
            at = f"{verdict.event_time:%Y-%m-%d %H:%M:%S}.{verdict.event_time.microsecond // 100_000}"
            table.add_row(at, *source, str(one.index), verdict.reason, verdict.block)
        hidden = sum(count for (outcome, _), count in self.reasons.items() if outcome == "kept") - len(self.kept)
        note = Text(f"and {hidden:,} more; --json has every frame" if hidden > 0 else "", style="dim")
        return Group(table, Padding(note, (0, 0, 0, 1))) if hidden > 0 else table
