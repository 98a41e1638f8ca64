"""Output for the terminal: tables that become plain text in a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # only for type checks: commands without a store do not load its modules
    from koa_worker.commands.doctor import Check
    from koa_worker.store import ParcelState


def parcels_screen(counts: Mapping[str, Mapping[ParcelState, int]]) -> RenderableType:
    """The numbers of objects that each destination has received, and has not received yet."""
    from koa_worker.store import ParcelState

    table = Table.grid(padding=(0, 3))
    for destination, states in sorted(counts.items()):
        table.add_row(Text(destination), ", ".join(f"{states[state]} {state}" for state in ParcelState))
    return table


def findings_screen(findings: list[Check]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = Text("ok", style="green") if finding.fine else Text("ERROR", style="bold red")
        table.add_row(mark, finding.what, Text(finding.says))
    return table
