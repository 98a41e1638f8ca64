"""The line at the end of a daemon's run, and the connection between lines of its log."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom import AE

from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.values import Side
from tests.make import free_port, until
from tests.postgres import Server

SETTINGS = """
[work]
workers = 1
[study]
quiet_seconds = 0.0
[intake]
stable_seconds = 0.0
scan_seconds = 0.3
[limits]
min_free_mb = 0
[batch]
patience_seconds = 2.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work/inbox").mkdir(parents=True)
    (tmp_path / "config.toml").write_text(SETTINGS)
    return tmp_path


def log(folder: Path) -> str:
    return (folder / "log").read_text()


@contextmanager
def running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """From when it is ready."""
    command = [sys.executable, "-m", "koa_worker", "run", *words]
    with (
        (folder / "log").open("w") as stream,
        subprocess.Popen(command, cwd=folder, stderr=stream, stdout=subprocess.PIPE, text=True) as daemon,
    ):
        try:
            until(lambda: " ready " in log(folder), 200, process=daemon)
            yield daemon
        finally:
            daemon.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_last_line_names_the_signal(folder: Path, number: signal.Signals) -> None:
    with running(folder) as daemon:
        daemon.send_signal(number)
        assert daemon.wait(60) == 0
    last = log(folder).splitlines()[-1]
    assert "stopped: nothing to do (interrupted)." in last
    assert f"signal={number.name}" in last


def still_written(folder: Path) -> Path:
    """A file that a run with an end waits for."""
    path = folder / "work/inbox/late.png"
    write_png(path, synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=300))
    path.write_bytes(path.read_bytes()[:-12])
    return path


def test_a_folder_that_is_lost_while_a_batch_runs_is_exit_code_4(folder: Path) -> None:
    still_written(folder)
    with running(folder, "--once") as batch:
        (folder / "work/done").rename(folder / "done-away")
        said, _ = batch.communicate(timeout=60)
    assert batch.returncode == 4
    assert said == "1 left (database or folder lost).\n"


def test_a_database_that_is_lost_while_a_batch_runs_is_exit_code_4(folder: Path, postgres: Server) -> None:
    (folder / "config.toml").write_text(f'{SETTINGS}[store]\nurl = "{postgres.database()}"\n')
    still_written(folder)
    with running(folder, "--once") as batch:
        postgres.stop()
        try:
            said, _ = batch.communicate(timeout=120)
        finally:
            postgres.start()
    assert batch.returncode == 4
    assert said == "1 left (database or folder lost).\n"


def test_what_was_received_is_joined_to_what_came_of_it(folder: Path) -> None:
    port = free_port()
    more = f'[dicom.receiver]\nenabled = true\nhost = "127.0.0.1"\nport = {port}\n'
    (folder / "config.toml").write_text(SETTINGS + more)
    spec = synthetic.PlateSpec(500, 600, 0.5, (synthetic.KneeSpec(Side.RIGHT, centre=(0.26, 0.5)),), seed=3)
    write_dicom(folder / "sent.dcm", synthetic.draw(spec), study_uid="2.25.5")
    with running(folder):
        sender = AE()
        sender.add_requested_context(DigitalXRayImageStorageForPresentation)
        association = sender.associate("127.0.0.1", port, ae_title="KOAWORKER")
        assert association.send_c_store(pydicom.dcmread(folder / "sent.dcm")).Status == 0
        association.release()
        settled = until(lambda: re.search(r"(?:completed|rejected).* file=(\S+)", log(folder)), 120)
    received = re.search(r" received as=(\S+)", log(folder))
    assert received is not None
    assert f" taken file={settled.group(1)} as={received.group(1)}\n" in log(folder)
