"""What tests of several kinds need: ports, a clock, and waiting for what has to come true."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TypeVar

PATIENCE = 60.0  # seconds for a condition on a busy machine; a quiet one needs a fraction of one

T = TypeVar("T")


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Several of them, no two alike."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Clock:
    """Shows the true time until `now` is set, and then that."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return datetime.now(UTC) if self.now is None else self.now


def until(
    condition: Callable[[], T],
    seconds: float = PATIENCE,
    *,
    pause: float = 0.05,
    process: subprocess.Popen[str] | None = None,
) -> T:
    """Waits for something that has to come true, as long as the process that is to bring it about runs."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, f"the process ended: {process.communicate()}"
        assert time.monotonic() < give_up, "what had to happen did not"
        time.sleep(pause)
    return found
