"""A worker on its own disk, in which faults are caused, and all outputs that report its health."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from typer.testing import CliRunner

from koa_worker.commands.cli import app
from koa_worker.system.concern import CONCERNS
from tests.certificates import make_certificate
from tests.make import free_ports, until

SECONDS = 90.0  # with a machine that has much to do; the looks themselves are 2 and 5 seconds apart
_CERTIFICATE_DAYS = 30
_SETTINGS = """
[store]
url = "{url}"
[work]
workers = 1
[study]
quiet_seconds = 0.0
[batch]
patience_seconds = 5.0
[limits]
min_free_mb = 5
[intake]
stable_seconds = 0.0
scan_seconds = 2.0
[metrics]
port = {metrics}
[web]
enabled = true
port = {page}
[alerts]
webhook = "http://127.0.0.1:{webhook}/"
after_seconds = 1.0
[dicom.receiver]
enabled = true
port = {receiver}
tls_certificate = "receiver.pem"
tls_key = "receiver.key"
"""
_PORTS = ("metrics", "page", "receiver", "webhook", "nobody", "choosy", "full", "mute", "archive", "sealed")


class Site:
    """The daemon runs without root's right to read and write every file, like a service."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder, self.url = folder, url or f"sqlite:///{folder}/work/koa.sqlite3"
        self.log_file = folder.with_suffix(".log")  # on another disk, as the journal is
        self.inbox, self.work = folder / "work/inbox", folder / "work"
        self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.environment: dict[str, str] = {}
        self._manager: socket.socket | None = None
        self._heard = ""

    def configure(self, more: str = "") -> None:
        self.certify()
        (self.folder / "config.toml").write_text(_SETTINGS.format(url=self.url, **self.ports) + more)

    def certify(self, days: int = _CERTIFICATE_DAYS) -> None:
        make_certificate(self.folder / "receiver.pem", days=days)

    # Who may be asked

    def status(self, *words: str) -> tuple[int, str]:
        """What the command prints, with its exit code; as an administrator, who may read everything, calls it."""
        called = ["status", *words, "--config", str(self.folder / "config.toml")]
        asked = CliRunner().invoke(app, called, catch_exceptions=False)
        return asked.exit_code, asked.output

    def check(self) -> tuple[int, str]:
        return self.status("--check")

    def alive(self) -> int:
        return self.status("--alive")[0]

    def concerns(self) -> list[dict[str, Any]]:
        said: dict[str, Any] = json.loads(self.status("--json")[1])
        found: list[dict[str, Any]] = said["concerns"]
        return found

    def measured(self, code: str) -> float:
        lines = self._fetch("metrics", "/metrics").splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f'koa_concerns{{code="{code}"}}')))

    def page(self) -> str:
        """The dashboard's text; without users it is open to this machine."""
        return html.unescape(re.sub(r"<[^>]+>", "", self._fetch("page", "/dashboard")))

    def _fetch(self, place: str, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[place]}{path}", timeout=60) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as refused:
            return str(refused.read(), "utf-8")

    def log(self) -> str:
        return self.log_file.read_text()

    def logged(self, code: str) -> int:
        return self.log().count(f"concern={code}")

    def listens_to(self, manager: socket.socket) -> None:
        """From the next start on, a service manager is there, whose socket does not block."""
        self._manager = manager
        self.environment |= {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "2000000"}

    def heard(self) -> str:
        """The last status line that the service manager was told."""
        assert self._manager is not None
        with contextlib.suppress(BlockingIOError):
            while heard := self._manager.recv(65536):
                self._heard = heard.decode() if b"STATUS=" in heard else self._heard
        return self._heard

    # What is done in it

    def start(self) -> subprocess.CompletedProcess[str]:
        """Of a daemon that is to end by itself."""
        return subprocess.run(
            [*self._unprivileged(), "run"],
            check=False, cwd=self.folder, env=self._environment(), capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def set_clock(self, *, days: int) -> None:
        """Of the worker alone, by libfaketime, which reads the file again every second."""
        (self.folder / "clock").write_text(f"{days:+d}d")

    def give_clock(self) -> None:
        """From the next start on."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime*.so.1"))
        if not found:
            pytest.skip("libfaketime is not installed (Debian: libfaketime)")
        self.set_clock(days=0)
        self.environment |= {
            "LD_PRELOAD": str(found[-1]), "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }  # fmt: skip

    def rows(self, statement: str) -> list[Any]:
        with self._connection() as connection:
            return list(connection.execute(text(statement)))

    def sql(self, statement: str, url: str = "") -> None:
        with self._connection(url) as connection:
            connection.execute(text(statement))

    @contextmanager
    def _connection(self, url: str = "") -> Iterator[Connection]:
        engine = create_engine(url or self.url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def _unprivileged(self) -> list[str]:
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "koa_worker"]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **self.environment}

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with (
            self.log_file.open("wb") as log,
            subprocess.Popen(
                [*self._unprivileged(), "run"], cwd=self.folder, env=self._environment(), stderr=log
            ) as daemon,
        ):
            try:
                until(lambda: "ready" in self.log() or daemon.poll() is not None, 3 * SECONDS)
                assert daemon.poll() is None, self.log()
                until(lambda: self.check()[0] == 0, SECONDS)  # the lookout has looked
                yield daemon
            finally:
                daemon.send_signal(signal.SIGCONT)
                daemon.kill()


def sentence(code: str) -> str:
    """As everybody says it, up to the details."""
    return CONCERNS[code][0].removesuffix(".")


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
