"""How a run ended: its line for the log and for a mail, and its exit code."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_LEFT, SOME_REJECTED, WORK_LEFT, LOST = 0, 1, 3, 4  # 2 is for what could not start


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The counts of a run's files, and why it ended."""

    graded: int = 0
    duplicates: int = 0
    rejected: int = 0
    failed: int = 0  # a later run retries them, or they wait for a person
    left: int = 0  # files that this run did not reach
    unclaimable: int = 0  # how many of those left cannot be taken
    hours_over: bool = False  # the configured hours ended before the backlog was empty
    why: str = ""  # what prevented the run from finishing
    lost: bool = False  # the database or a folder was lost

    @property
    def exit_code(self) -> int:
        if self.lost:
            return LOST
        if self.failed or self.unclaimable or (self.left and not self.hours_over):
            return WORK_LEFT
        return SOME_REJECTED if self.rejected else NOTHING_LEFT

    def __str__(self) -> str:
        counts = {
            "graded": self.graded, "duplicates": self.duplicates, "rejected": self.rejected, "failed": self.failed,
            "left": self.left, "of these not to be taken": self.unclaimable,
        }  # fmt: skip
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do"
        return f"{told} ({self.why})." if self.why else f"{told}."
