"""The output of `koa-worker status`: counts, deliveries, and what needs a person."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import Config
from koa_worker.health import FromStore, Health
from koa_worker.store import DeliveryRecord, State, StatusRecord
from koa_worker.system.concern import moment
from koa_worker.system.heartbeat import PAUSE_WORDS, Condition, Pulse, condition_of


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


def check_lines(health: Health) -> Iterator[str]:
    """The daemon's line, and a line for each thing that needs a person."""
    yield daemon_line(health.felt)
    for concern in health.concerns:
        yield f"{concern.code}: {concern} {concern.remedy}"


def status_values(settings: Config, health: Health) -> dict[str, Any]:
    """The values that `status` shows; those of a database that cannot be used are null."""
    return {
        "daemon": daemon_line(health.felt),
        "in_inbox": health.inbox.total,
        "overdue": health.inbox.overdue,
        **_counts(health),
        "disk_free_gb": _free_gb(settings.folders.inbox),
        "paused_since": _paused_since(health),
        "concerns": [concern.as_values() for concern in health.concerns],
        "deliveries": [_delivery(one) for one in health.stored.deliveries] if health.stored else [],
        "last": _last(health.stored),
    }


_OF_THE_STORE = (
    "waiting", "working", "completed", "completed_today", "duplicates", "conflicts", "rejected", "failed", "parked",
    "oldest_waiting", "per_minute", "minutes_left", "reports", "studies_waiting", "model",
)  # fmt: skip


def _counts(health: Health) -> dict[str, Any]:
    if health.stored is None or health.stored.counts is None:
        return dict.fromkeys(_OF_THE_STORE)
    record = health.stored.counts
    inbox = health.inbox
    oldest = [datetime.fromtimestamp(inbox.oldest[0].modified_ns / 1e9, UTC)] if inbox.oldest else []
    oldest += [record.oldest_waiting] if record.oldest_waiting else []
    return {
        "waiting": record.counts[State.WAITING],
        "working": record.counts[State.WORKING],
        "completed": record.counts[State.COMPLETED],
        "completed_today": record.done_today,
        "duplicates": record.counts[State.DUPLICATE],
        "conflicts": record.conflicts,
        "rejected": dict(record.rejected_by_code),
        "failed": dict(record.failed_by_code),
        "parked": record.parked,
        "oldest_waiting": _text(min(oldest, default=None)),
        "per_minute": round(record.per_minute, 1),
        "minutes_left": _minutes_left(inbox.total, record),
        "reports": record.reports,
        "studies_waiting": record.studies_waiting,
        "model": record.model,
    }


def _delivery(one: DeliveryRecord) -> dict[str, Any]:
    return {
        "destination": one.destination,
        "waiting": one.waiting,
        "failing": one.failing,
        "refused": one.refused,
        "acknowledged": one.acknowledged,
        "answer": one.answer,
        "next_try": _text(one.next_try_at),
        "oldest_waiting": _text(one.oldest_waiting),
        "last_success": _text(one.last_success),
    }


def _last(stored: FromStore | None) -> dict[str, str | None]:
    """The time of the last success of each step."""
    if stored is None:
        return {}
    last = stored.last
    return {"arrived": _text(last.arrived), "graded": _text(last.graded), "reported": _text(last.reported)}


def _paused_since(health: Health) -> str | None:
    since = health.felt[0].paused_since if health.felt and health.felt[0].paused else None
    return moment(since) if since is not None else None


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def _minutes_left(in_inbox: int, record: StatusRecord) -> float | None:
    ahead = in_inbox + record.counts[State.WAITING] + record.counts[State.WORKING]
    return round(ahead / record.per_minute, 1) if record.per_minute else None


def _free_gb(folder: Path) -> float | None:
    try:
        return round(shutil.disk_usage(folder).free / 1e9, 1)
    except OSError:
        return None


def status_screen(settings: Config, health: Health) -> RenderableType:
    table = Table.grid(padding=(0, 3))
    for concern in health.concerns:
        table.add_row(Text("ATTENTION", style="bold red"), Text(f"{concern} {concern.remedy}"))
    for label, text in _status_rows(status_values(settings, health)):
        table.add_row(label, Text(text))
    return Group(table, Text(RESEARCH_NOTICE, style="dim"))


def _status_rows(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "daemon", values["daemon"] + (f", since {values['paused_since']}" if values["paused_since"] else "")
    yield "in the inbox", str(values["in_inbox"]) + _overdue(values["overdue"])
    yield from _rows_of_the_store(values) if values["waiting"] is not None else ()
    yield "disk free", f"{values['disk_free_gb']} GB" if values["disk_free_gb"] is not None else "no inbox yet"
    for one in values["deliveries"]:
        yield f"sent to {one['destination']}", _delivery_line(one)
    for step, at in values["last"].items():
        yield f"last {step}", at or "never"


def _rows_of_the_store(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    left = values["minutes_left"]
    conflicts = f"{values['conflicts']} (same SOP Instance UID, different content)"
    yield "working", str(values["working"] + values["waiting"])
    yield "oldest waiting", values["oldest_waiting"] or "nothing waits"
    yield "graded", f"{values['completed']} ({values['completed_today']} today)"
    yield "duplicates", str(values["duplicates"])
    yield "conflicts", conflicts if values["conflicts"] else "0"
    yield "rejected", _by_code(values["rejected"])
    yield "failed", _by_code(values["failed"]) + (f", {values['parked']} parked" if values["parked"] else "")
    yield "reports", str(values["reports"]) + _waiting(values["studies_waiting"])
    yield "speed", f"{values['per_minute']} files per minute" + (f", {left} minutes left" if left is not None else "")
    yield "model", values["model"] or "nothing graded yet"


def _delivery_line(one: dict[str, Any]) -> str:
    counts = {name: one[name] for name in ("acknowledged", "waiting", "failing", "refused")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "acknowledged")
    times = [f"oldest since {one['oldest_waiting']}"] if one["oldest_waiting"] else []
    times += [f"last taken {one['last_success'] or 'never'}"]
    return "; ".join([told, *times, *([f"last answer: {one['answer']}"] if one["answer"] else [])])


def _overdue(count: int) -> str:
    return f", {count} incomplete for too long" if count else ""


def _waiting(count: int) -> str:
    return f", {count} {'study waits' if count == 1 else 'studies wait'} for more images" if count else ""


def _by_code(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
    return f"{total} ({codes})" if codes else "0"
