"""Concerns are problems that need a person: each kind with its sentence and remedy, and one concern with its details.

`status`, metrics, page, service manager and alerts all show these values. None names a file or a patient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

# code → the problem, and its remedy
CONCERNS: dict[str, tuple[str, str]] = {
    "not_running": ("The daemon is not running.", "Start it, and read the end of its log."),
    "silent": ("The daemon's loop hangs.", "Look for a disk or share that hangs; then restart the daemon."),
    "inbox_gone": ("The inbox is missing.", "Mount the share again, or correct [folders] inbox."),
    "inbox_unreadable": ("The inbox cannot be read.", "Give the worker's account the right to read and write it."),
    "inbox_unwritable": (
        "The inbox cannot be written to, so no file can be taken from it.",
        "Give the worker's account the right to write to it.",
    ),
    "inbox_moved": (
        "The inbox is on another file system than at the start.",
        "Mount the right share; if this one is right, restart the daemon.",
    ),
    "folder_gone": (
        "A folder is missing or cannot be used.",
        "Mount its disk again, or give it back to the worker's account. Do not create it on another disk.",
    ),
    "unreadable_folders": (
        "Folders in the inbox cannot be read.",
        "Give the worker's account the right to read and write them.",
    ),
    "unclaimable": (
        "Files in the inbox cannot be taken.",
        "Give the worker's account the right to write to the folders of the inbox.",
    ),
    "unfinished": (
        "Files in the inbox stay incomplete.",
        "Check whether their export was interrupted; remove them or export them again.",
    ),
    "disk_full": ("The disk is nearly full.", "Free space, or lower [limits] min_free_mb."),
    "no_answer": ("The disk or the database does not answer.", "Check both with koa-worker doctor."),
    "database": ("The database cannot be used.", "Check it with koa-worker doctor."),
    "destination_down": (
        "A destination does not take results.",
        "Check it with koa-worker doctor. The results wait and are sent when it answers.",
    ),
    "destination_refuses": (
        "A destination refused results permanently.",
        "Correct the cause of the refusal, then run koa-worker send.",
    ),
    "parked": ("Files failed on every try.", "Read the log, then run koa-worker retry."),
    "certificate": (
        "A certificate has expired or cannot be read.",
        "Renew it or correct its path, and restart the daemon.",
    ),
    "clock": (
        "The clock was set back.",
        "Correct it. Postponed files and results still wait: run koa-worker send and koa-worker retry.",
    ),
    "alert_failed": ("An alert cannot be delivered.", "Correct [alerts], or the program or server that it calls."),
    "part_down": ("A part of the daemon has ended.", "Read its error in the log, and restart the daemon."),
}


@dataclass(frozen=True, slots=True)
class Concern:
    """One problem that does not disappear without a person."""

    code: str
    subject: str = ""  # the destination, folder or part that has the problem
    detail: str = ""
    since: float | None = None  # seconds since the epoch; None: unknown

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for the same problem, even if its details change."""
        return (self.code, self.subject)

    @property
    def remedy(self) -> str:
        return CONCERNS[self.code][1]

    def __str__(self) -> str:
        told = ", ".join(part for part in (self.subject, self.detail, self._since()) if part)
        sentence = CONCERNS[self.code][0].removesuffix(".")
        return f"{sentence} ({told})." if told else f"{sentence}."

    def _since(self) -> str:
        return f"since {moment(self.since)}" if self.since is not None else ""

    def as_values(self) -> dict[str, Any]:
        """The concern as JSON outputs show it."""
        return {
            "code": self.code,
            "subject": self.subject,
            "detail": self.detail,
            "since": moment(self.since) if self.since is not None else None,
            "says": str(self),
            "remedy": self.remedy,
        }

    def known_since(self, earlier: Iterable[Self]) -> Self:
        """The same concern with the time at which it was first seen, if it is among the earlier ones."""
        same = next((one for one in earlier if one.identity == self.identity and one.since is not None), None)
        return replace(self, since=same.since) if same and self.since is None else self


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
