"""What a person reads in the terminal: tables that become plain text in a pipe."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from koa_worker import RESEARCH_NOTICE
from koa_worker.commands.doctor import Check
from koa_worker.config import Config
from koa_worker.errors import KoaError, explain
from koa_worker.intake import scan
from koa_worker.report import words
from koa_worker.store import ParcelState, State, StatusRecord, Store
from koa_worker.system.heartbeat import PAUSE_WORDS, Condition, Pulse, condition_of, feel
from koa_worker.values import GRADE_WORDS, Completed, GradedKnee, Outcome


def outcome_line(path: Path, outcome: Outcome, report: Path | None) -> str:
    """One line for a file: its knees, or the reason why there are none."""
    # The name of a file may contain what a terminal takes for a command.
    path = Path("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(path)))
    if isinstance(outcome, Completed):
        knees = "; ".join(_knee(knee) for knee in outcome.knees)
        return f"{path}: {knees}{f' → {report}' if report else ''}"
    return f"{path}: {type(outcome).__name__.lower()}: {outcome.code}: {explain(outcome.code, outcome.detail)}"


def _knee(knee: GradedKnee) -> str:
    grade = knee.grade
    review = f", review: {' '.join(map(words.review_reason, grade.review_reasons))}" if grade.needs_review else ""
    return (
        f"{knee.roi.side} knee KL {grade.kl} ({GRADE_WORDS[grade.kl]}), confidence {grade.confidence:.0%}, "
        f"P(OA) {grade.oa_probability:.0%}{review}"
    )


def status_values(settings: Config) -> dict[str, Any]:
    """The values that `status` shows."""
    inbox = scan(settings.folders.inbox, overdue_minutes=settings.intake.overdue_minutes, limit=1)
    with Store.open(settings.store.url) as store:
        record = store.counts.status()
    oldest = [datetime.fromtimestamp(inbox.oldest[0].modified_ns / 1e9, UTC)] if inbox.oldest else []
    oldest += [record.oldest_waiting] if record.oldest_waiting else []
    return {
        "daemon": daemon_line(feel(settings.folders.work)),
        "in_inbox": inbox.total,
        "overdue": inbox.overdue,
        "waiting": record.counts[State.WAITING],
        "working": record.counts[State.WORKING],
        "completed": record.counts[State.COMPLETED],
        "completed_today": record.done_today,
        "duplicates": record.counts[State.DUPLICATE],
        "conflicts": record.conflicts,
        "rejected": dict(record.rejected_by_code),
        "failed": dict(record.failed_by_code),
        "parked": record.parked,
        "oldest_waiting": min(oldest).isoformat(timespec="seconds") if oldest else None,
        "per_minute": round(record.per_minute, 1),
        "minutes_left": _minutes_left(inbox.total, record),
        "reports": record.reports,
        "studies_waiting": record.studies_waiting,
        "disk_free_gb": _free_gb(settings.folders.inbox),
        "model": record.model,
    }


def daemon_line(felt: tuple[Pulse, float] | None) -> str:
    """The state of the daemon as one line, from its last heartbeat and its age."""
    condition = condition_of(felt)
    if felt is None or condition is Condition.NOT_RUNNING:
        return "not running"
    pulse, age_seconds = felt
    if condition is Condition.SILENT:
        return f"silent for {age_seconds:.0f} seconds"
    if pulse.paused:
        return f"paused: {PAUSE_WORDS[pulse.paused]}"
    return f"running, {pulse.busy} of {pulse.workers} workers busy"


def failed_line(settings: Config) -> str:
    """How many files failed and wait for a person; empty if there are none, or if the database does not answer."""
    try:
        with Store.open(settings.store.url) as store:
            parked = store.counts.status().parked
    except KoaError:
        return ""
    noun = "file" if parked == 1 else "files"
    return f"; {parked} {noun} failed and wait for koa-worker retry" if parked else ""


def _minutes_left(in_inbox: int, record: StatusRecord) -> float | None:
    ahead = in_inbox + record.counts[State.WAITING] + record.counts[State.WORKING]
    return round(ahead / record.per_minute, 1) if record.per_minute else None


def _free_gb(folder: Path) -> float | None:
    return round(shutil.disk_usage(folder).free / 1e9, 1) if folder.exists() else None


def status_screen(settings: Config) -> RenderableType:
    values = status_values(settings)
    table = Table.grid(padding=(0, 3))
    for label, text in _status_rows(values):
        table.add_row(label, Text(text))
    return Group(table, Text(RESEARCH_NOTICE, style="dim"))


def _status_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    left = values["minutes_left"]
    return [
        ("daemon", values["daemon"]),
        ("in the inbox", str(values["in_inbox"]) + _overdue(values["overdue"])),
        ("working", str(values["working"] + values["waiting"])),
        ("oldest waiting", values["oldest_waiting"] or "nothing waits"),
        ("graded", f"{values['completed']} ({values['completed_today']} today)"),
        ("duplicates", str(values["duplicates"])),
        (
            "conflicts",
            f"{values['conflicts']} (same SOP Instance UID, different content)" if values["conflicts"] else "0",
        ),
        ("rejected", _by_code(values["rejected"])),
        ("failed", _by_code(values["failed"]) + (f", {values['parked']} parked" if values["parked"] else "")),
        ("reports", str(values["reports"]) + _waiting(values["studies_waiting"])),
        ("speed", f"{values['per_minute']} files per minute" + (f", {left} minutes left" if left is not None else "")),
        ("disk free", f"{values['disk_free_gb']} GB" if values["disk_free_gb"] is not None else "no inbox yet"),
        ("model", values["model"] or "nothing graded yet"),
    ]


def _overdue(count: int) -> str:
    return f", {count} incomplete for too long" if count else ""


def _waiting(count: int) -> str:
    return f", {count} {'study waits' if count == 1 else 'studies wait'} for more images" if count else ""


def _by_code(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
    return f"{total} ({codes})" if codes else "0"


def batch_line(counts: Mapping[str, int]) -> str:
    """How many files of an archive were graded, rejected or failed."""
    names = {"completed": "graded", "rejected": "rejected", "failed": "failed", "": "still to do"}
    said = [f"{counts[ending]} {name}" for ending, name in names.items() if counts.get(ending)]
    return f"{', '.join(said) or 'no files'}."


def parcels_screen(counts: Mapping[str, Mapping[ParcelState, int]]) -> RenderableType:
    """How many objects each destination has received, and how many not yet."""
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
