"""The exact text of `status` about the daemon: scripts and documents quote it."""

from dataclasses import replace

import pytest

from koa_worker.commands.status import daemon_line
from koa_worker.system.heartbeat import PauseReason, Pulse

PULSE = Pulse(workers=2, busy=1, paused=None, overdue=0, model="koa-v1")


@pytest.mark.parametrize(
    ("felt", "line"),
    [
        (None, "not running"),
        ((PULSE, 75.4), "silent for 75 seconds"),
        ((PULSE, 1.0), "running, 1 of 2 workers busy"),
        ((replace(PULSE, paused=PauseReason.DISK_NEARLY_FULL), 1.0), "paused: disk nearly full"),
        ((replace(PULSE, paused=PauseReason.OUTSIDE_HOURS), 1.0), "paused: outside run_between"),
        ((replace(PULSE, paused=PauseReason.NO_ANSWER), 1.0), "paused: disk or database does not answer"),
    ],
)
def test_the_daemon_s_line(felt: tuple[Pulse, float] | None, line: str) -> None:
    assert daemon_line(felt) == line
