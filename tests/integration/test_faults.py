"""Faults made for real beside a running daemon, and what `status --check`, metrics and log say of each: none is silent.

With -s the table is printed. The daemon runs without root's right to read everything, as a service does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import EncapsulatedPDFStorage, Verification  # type: ignore[attr-defined]
from typer.testing import CliRunner

from koa_worker.commands.cli import app
from tests.certificates import make_certificate
from tests.make import free_ports, until
from tests.parcels import queue_one
from tests.postgres import Server

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="mounts and needs another account"),
    pytest.mark.timeout(900),
]
_SECONDS = 90.0  # with a machine that has much to do; the looks themselves are 2 and 5 seconds apart


class Site:
    """A daemon on a disk of its own, with a database server, and everybody who asks how it is."""

    def __init__(self, folder: Path, server: Server, url: str) -> None:
        self.folder, self.server, self.url = folder, server, url
        self.work = folder / "work"
        self.metrics, self.pacs, self.rejecting, self.receiver = free_ports(4)
        self.rows: list[tuple[str, str, str, str, float]] = []

    def configure(self) -> None:
        make_certificate(self.folder / "receiver.pem", days=30)
        places = "".join(
            f'[[dicom.destinations]]\nname = "{name}"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = {port}\n'
            "timeout_seconds = 2.0\n"
            for name, port in {"silent": self.pacs, "rejecting": self.rejecting, "choosy": self.rejecting}.items()
        ).replace(
            'name = "choosy"\nae_title = "PACS"', 'name = "choosy"\nae_title = "PACS"\ncalling_ae_title = "KNOWN"'
        )
        (self.folder / "config.toml").write_text(
            f'[store]\nurl = "{self.url}"\n[work]\nworkers = 1\n[limits]\nmin_free_mb = 5\n'
            f"[intake]\nscan_seconds = 2.0\n[metrics]\nport = {self.metrics}\n[dicom.receiver]\nenabled = true\n"
            f"port = {self.receiver}\n"
            f'tls_certificate = "receiver.pem"\ntls_key = "receiver.key"\n{places}'
        )

    def check(self) -> tuple[int, str]:
        asked = CliRunner().invoke(app, ["status", "--check", "--config", str(self.folder / "config.toml")])
        return asked.exit_code, asked.output

    def alive(self) -> int:
        return CliRunner().invoke(app, ["status", "--alive", "--config", str(self.folder / "config.toml")]).exit_code

    def measured(self, code: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        (value,) = (line.split()[1] for line in lines if line.startswith(f'koa_concerns{{code="{code}"}}'))
        return float(value)

    def logged(self, code: str) -> int:
        return (self.folder / "log").read_text().count(f"concern={code}")

    def fault(self, what: str, code: str, make: Callable[[], Any], undo: Callable[[], Any] | None) -> None:
        """Silent before, told by everybody after, silent again when it is over."""
        assert code not in self.check()[1], what
        before, begun = self.logged(code), time.monotonic()
        make()
        until(lambda: f"\n{code}: " in self.check()[1], _SECONDS)
        seconds = time.monotonic() - begun
        exit_code, said = self.check()
        assert exit_code == 1
        assert self.alive() == 0, what
        until(lambda: self.measured(code) >= 1, _SECONDS)
        assert self.logged(code) > before, what
        line = next(line for line in said.splitlines() if line.startswith(code))
        self.rows.append((what, code, line.partition(": ")[2], "yes", seconds))
        if undo is not None:
            undo()
            until(lambda: f"\n{code}: " not in self.check()[1], _SECONDS)

    def show(self) -> None:
        print()
        for what, code, line, logged, seconds in self.rows:
            print(f"| {what} | {code} | {line} | {logged} | {seconds:.0f} s |")


@pytest.fixture
def site(tmp_path: Path, postgres: Server) -> Iterator[Site]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    made = Site(folder, postgres, postgres.database())
    try:
        made.configure()
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def running(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "koa_worker", "run"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (
        (site.folder / "log").open("wb") as log,
        subprocess.Popen(words, cwd=site.folder, env=environment, stderr=log) as daemon,
    ):
        try:
            until(lambda: b"ready" in (site.folder / "log").read_bytes(), _SECONDS)
            yield daemon
        finally:
            daemon.send_signal(signal.SIGCONT)
            daemon.kill()


@contextmanager
def choosy(port: int) -> Iterator[None]:
    """A PACS that knows one caller, and takes no structured reports."""
    application = AE("PACS")
    application.require_calling_aet = ["KNOWN"]
    application.add_supported_context(Verification)
    application.add_supported_context(EncapsulatedPDFStorage)
    server: Any = application.start_server(("127.0.0.1", port), block=False)
    try:
        yield
    finally:
        server.shutdown()


def test_no_fault_is_silent(site: Site) -> None:
    with running(site), choosy(site.rejecting):
        until(lambda: site.check()[0] == 0, _SECONDS)
        inbox, work = site.work / "inbox", site.work
        _folders(site, inbox, work)
        _files(site, inbox)
        full = site.folder / "filling"
        site.fault("disk full", "disk_full", lambda: _fill(full), full.unlink)
        certificate = site.folder / "receiver.pem"
        site.fault(
            "certificate expired", "certificate",
            lambda: make_certificate(certificate, days=-1), lambda: make_certificate(certificate, days=30),
        )  # fmt: skip
        _deliveries(site)
        site.fault("database stopped", "database", site.server.stop, site.server.start)
    _ends(site)
    site.show()


def _folders(site: Site, inbox: Path, work: Path) -> None:
    away = work / "elsewhere"
    site.fault("inbox gone", "inbox_gone", lambda: inbox.rename(away), lambda: away.rename(inbox))
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(inbox)]
    unmount = ["umount", str(inbox)]
    site.fault(
        "other file system on the inbox", "inbox_moved",
        lambda: subprocess.run(mount, check=True), lambda: subprocess.run(unmount, check=True),
    )  # fmt: skip
    site.fault("inbox unreadable", "inbox_unreadable", lambda: inbox.chmod(0), lambda: inbox.chmod(0o700))
    for name in ("done", "rejected"):
        folder = work / name
        site.fault(
            f"{name} gone", "folder_gone", lambda folder=folder: folder.rename(away),
            lambda folder=folder: away.rename(folder),
        )  # fmt: skip


def _files(site: Site, inbox: Path) -> None:
    below = inbox / "below"
    below.mkdir()
    site.fault("folder unreadable", "unreadable_folders", lambda: below.chmod(0), lambda: below.chmod(0o700))

    def locked() -> None:
        (below / "a.png").write_bytes(b"nothing")
        below.chmod(0o500)

    site.fault("file cannot be taken", "unclaimable", locked, lambda: below.chmod(0o700))

    def broken_off() -> None:
        (inbox / "b.dcm.part").write_bytes(b"DICM")
        os.utime(inbox / "b.dcm.part", (0, 0))

    site.fault("export broken off", "unfinished", broken_off, (inbox / "b.dcm.part").unlink)

    def secret() -> None:
        (site.folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (site.folder / "c.png").chmod(0)
        os.chown(site.folder / "c.png", 12345, 12345)
        (site.folder / "c.png").rename(inbox / "c.png")

    site.fault("file unreadable", "parked", secret, None)


def _fill(path: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(b"\0" * (free - 2_000_000))


def _deliveries(site: Site) -> None:
    parcel = site.folder / "object.dcm"
    parcel.write_bytes(b"never read: no association takes it")
    for what, name, code in (
        ("PACS down", "silent", "destination_down"),
        ("AE title not known to the PACS", "rejecting", "destination_down"),
        ("class refused by the PACS", "choosy", "destination_refuses"),
    ):
        subject = f"({name},"
        queue_one(site.url, name, parcel, sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34")
        begun = time.monotonic()
        until(lambda subject=subject: subject in site.check()[1], _SECONDS)
        (line,) = (line for line in site.check()[1].splitlines() if subject in line)
        until(lambda code=code: site.measured(code) >= 1, _SECONDS)
        assert site.logged(code)
        site.rows.append((what, code, line.partition(": ")[2], "yes", time.monotonic() - begun))


def _ends(site: Site) -> None:
    """What only those outside can tell, since the daemon says nothing any more."""
    begun = time.monotonic()
    assert site.check()[0] == site.alive() == 1
    line = site.check()[1].splitlines()[1]
    assert line.startswith("not_running")
    site.rows.append(("daemon killed", "not_running", line.partition(": ")[2], "no", time.monotonic() - begun))
