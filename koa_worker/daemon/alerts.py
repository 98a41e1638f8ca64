"""Sends alerts: runs a command or posts to a webhook once when a concern begins, and once when it is over.

The reported concerns are kept in the work folder, so that a daemon that restarts many times reports nothing twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shlex
import socket
import subprocess
import time
import urllib.error
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from koa_worker.config import AlertSettings, Config
from koa_worker.daemon.notices import Notices
from koa_worker.daemon.timers import Clock
from koa_worker.system.concern import Concern
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 30.0, 1800.0
_TOLD = ".alerts"
_Identity = tuple[str, str]


class Alerts:
    """Compares the present concerns with those reported over one channel, and reports the difference."""

    def __init__(
        self, name: str, way: Callable[[bytes], None], work: Path, after_seconds: float, clock: Clock = time.monotonic
    ) -> None:
        self._name = name
        self._way = way
        self._after_seconds = after_seconds
        self._file = work / f"{_TOLD}-{name}"
        self._clock = clock
        self._told = self._read()
        self._changed: dict[_Identity, float] = {}  # since when each concern differs from what was reported
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._next_try = clock()
        self.failed = ""  # why the last one could not be delivered

    def consider(self, concerns: Iterable[Concern]) -> None:
        """Reports the differences that have lasted long enough; after a failure, with growing pauses."""
        now = self._clock()
        present = {one.identity: one for one in concerns if one.identity != self._own_failure.identity}
        different = present.keys() ^ self._told
        if not different:  # what could not be told is over
            self.failed = ""
        self._changed = {identity: self._changed.get(identity, now) for identity in different}
        ripe = {identity for identity, since in self._changed.items() if now - since >= self._after_seconds}
        if not ripe or now < self._next_try:
            return
        began = [present[identity] for identity in sorted(ripe) if identity in present]
        ended = [Concern(*identity) for identity in sorted(ripe) if identity not in present]
        if self._tell(_message(began, ended, present.values())):
            self._told = (self._told | ripe) & present.keys()
            self._write()
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        else:
            self._next_try = now + self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    @property
    def _own_failure(self) -> Concern:
        return Concern("alert_failed", self._name, self.failed)

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """The failure of this channel, which must be reported in another way."""
        return (self._own_failure,) if self.failed else ()

    def _tell(self, message: dict[str, Any]) -> bool:
        try:
            self._way(json.dumps(message).encode())
        except (OSError, ValueError, subprocess.SubprocessError) as fault:
            logger.warning("alert not delivered", extra={"way": self._name, "fault": where(fault)})
            self.failed = _why(fault)
            return False
        self.failed = ""
        return True

    def _read(self) -> frozenset[_Identity]:
        try:
            return frozenset((str(code), str(subject)) for code, subject in json.loads(self._file.read_text("ascii")))
        except (OSError, ValueError, TypeError):
            return frozenset()

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # at worst it is reported again after the next start
            self._file.write_text(json.dumps(sorted(self._told)), "ascii")


def alerts(config: Config, notices: Notices) -> Callable[[], None]:
    """A function to be called regularly; it does nothing if no alert is configured."""
    settings = config.alerts
    ways = {"command": _run if settings.command else None, "webhook": _post if settings.webhook else None}
    told = [
        Alerts(name, partial(way, settings), config.folders.work, settings.after_seconds)
        for name, way in ways.items()
        if way is not None
    ]

    def consider() -> None:
        for one in told:
            one.consider(notices.concerns)
        notices.update("alerts", [concern for one in told for concern in one.concerns])

    return consider


def _why(fault: Exception) -> str:
    """The reason of a failure, without the peer's answer and without the address, which may hold a secret."""
    match fault:
        case urllib.error.HTTPError():
            return f"HTTP {fault.code}"
        case urllib.error.URLError(reason=OSError() as inner):
            return inner.strerror or type(inner).__name__
        case subprocess.CalledProcessError():
            return f"exit code {fault.returncode}"
        case OSError():
            return fault.strerror or type(fault).__name__
    return type(fault).__name__


def _message(began: Iterable[Concern], ended: Iterable[Concern], present: Iterable[Concern]) -> dict[str, Any]:
    return {
        "program": "koa-worker",
        "host": socket.gethostname(),
        "began": [one.as_values() for one in began],
        "ended": [{"code": one.code, "subject": one.subject} for one in ended],
        "concerns": [one.as_values() for one in present],
    }


def _run(settings: AlertSettings, text: bytes) -> None:
    subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
        shlex.split(settings.command),
        input=text,
        check=True,
        timeout=settings.timeout_seconds,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _post(settings: AlertSettings, text: bytes) -> None:
    import urllib.request  # noqa: PLC0415 - with its HTTP and TLS, which a daemon without a webhook need not load

    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        settings.webhook, data=text, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=settings.timeout_seconds):  # noqa: S310
        pass
