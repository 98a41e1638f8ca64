"""Notifies systemd of the daemon's state (sd_notify): ready, alive, stopping. Without systemd it does nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import time


class Service:
    """The socket of the service manager, and the interval of its watchdog."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        # Twice as often as necessary, as the manual of sd_watchdog_enabled advises.
        self._every = int(os.environ.get("WATCHDOG_USEC") or 0) / 2e6
        self._next = 0.0

    def ready(self) -> None:
        self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def alive(self, status: str) -> None:
        """Tells systemd that the loop runs; called in every iteration, so that systemd restarts a daemon that hangs."""
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every
            self._say(f"WATCHDOG=1\nSTATUS={status}")

    def _say(self, what: str) -> None:
        if not self._address:
            return
        # A service manager that does not answer is no reason to stop grading.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # one that does not read its messages fills the socket
            line.sendto(what.encode(), self._address)
