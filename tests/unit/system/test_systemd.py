"""The messages to the service manager."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from koa_worker.system.systemd import Service


@pytest.mark.timeout(30)
def test_a_manager_that_does_not_read_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        service = Service()
        service.ready()
        for _ in range(10_000):  # many more than the line holds
            service.stopping()
        assert manager.recv(100) == b"READY=1"
