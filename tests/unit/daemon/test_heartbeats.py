"""The times of the daemon's heartbeats, and its messages to the service manager."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from koa_worker.daemon.heartbeats import Heartbeats
from koa_worker.system.concern import Concern
from koa_worker.system.heartbeat import PauseReason, Pulse, feel, sole_owner
from koa_worker.system.systemd import Service

PULSE = Pulse(workers=2, busy=0, paused=None, overdue=0, model="koa-v1")


def test_it_beats_soon_after_news_and_otherwise_now_and_then(tmp_path: Path) -> None:
    now = [100.0]
    heartbeats = Heartbeats(tmp_path, Service(), lambda: now[0])
    written = tmp_path / ".pulse"

    def beats(pulse: Pulse) -> bool:
        written.unlink(missing_ok=True)
        heartbeats.beat(pulse)
        return written.exists()

    busy = replace(PULSE, busy=1)
    assert beats(PULSE)
    assert not beats(PULSE)
    assert not beats(busy)  # too soon even for news
    now[0] += 1.0
    assert not beats(PULSE)
    assert beats(busy)
    now[0] += 4.0
    assert not beats(busy)
    now[0] += 1.0
    assert beats(busy)


def test_what_is_beaten_is_felt(tmp_path: Path) -> None:
    concern = Concern("destination_down", "pacs", "Connection refused", 5.0)
    paused = replace(PULSE, paused=PauseReason.DISK_NEARLY_FULL, paused_since=7.0, concerns=(concern,))
    with sole_owner(tmp_path):
        Heartbeats(tmp_path, Service()).beat(paused)
        felt = feel(tmp_path)
    assert felt is not None
    assert felt[0] == paused


@pytest.mark.parametrize(
    ("pulse", "said"),
    [
        (replace(PULSE, busy=1), b"STATUS=1 of 2 at work"),
        (replace(PULSE, paused=PauseReason.OUTSIDE_HOURS), b"STATUS=outside run_between"),
        (replace(PULSE, concerns=(Concern("inbox_gone"),)), b"STATUS=0 of 2 at work; The inbox is missing."),
    ],
)
def test_the_service_manager_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulse: Pulse, said: bytes
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        Heartbeats(tmp_path, Service()).beat(pulse)
        assert manager.recv(100) == b"WATCHDOG=1\n" + said
