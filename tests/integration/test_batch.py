"""`koa-worker batch`: an archive on this machine, with harmful files, kills, reports and object stores."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from koa_worker.store import Store
from tests import archive
from tests.make import until

POINTS = (
    "koa_worker.store.lifecycle.files:Files.take:after:3:daemon",
    "koa_worker.store.lifecycle.files:Files.complete:after:4:daemon",
    "koa_worker.batch.ledger:Ledger.record:after:2:daemon",
    "koa_worker.batch.run:write_part:before:1:daemon",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive.fill(tmp_path / "archive", 12)
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, more: str = "") -> None:
    (folder / "config.toml").write_text(f"[work]\nworkers = 1\n{more}")


def stored(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        rows = database.execute("SELECT sha256, state FROM files ORDER BY sha256").fetchall()
    database.close()
    return rows


def said_nothing(done: subprocess.CompletedProcess[str]) -> None:
    for secret in archive.SECRETS:
        assert secret not in done.stdout + done.stderr


def test_it_grades_each_file_once_and_goes_on_where_it_was_killed(folder: Path) -> None:
    whole = archive.batch(folder, "--results", "whole", "--no-store")
    assert whole.returncode == 1, whole.stderr
    assert whole.stdout.startswith("11 graded, 1 rejected.\n")
    expected = archive.rows(folder / "whole")
    assert [row["source"] for row in expected] == sorted(str(path) for path in folder.glob("archive/*/*"))
    for point in POINTS:
        killed = archive.batch(folder, SABOTAGE_KILL=point)
        assert killed.returncode == -signal.SIGKILL, f"{point}: {killed.stderr}"
        said_nothing(killed)
    done = archive.batch(folder)
    assert done.stdout == whole.stdout
    assert (folder / "results/part-000000.parquet").read_bytes() == (folder / "whole/part-000000.parquet").read_bytes()
    assert stored(folder) == sorted((row["sha256"], row["outcome"]) for row in expected)
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM events WHERE kind = 'regraded'").fetchone() == (0,)
    database.close()


@pytest.mark.parametrize(
    ("harm", "code", "limits"),
    [
        ("crash", "worker_crashed", ""),
        ("hang", "timed_out", "seconds_per_file = 10.0\n"),
        ("eat", "out_of_memory", "memory_mb = 700\n"),
    ],
)
def test_a_harmful_file_costs_itself_and_nothing_else(folder: Path, harm: str, code: str, limits: str) -> None:
    configure(folder, f"[limits]\n{limits}")
    (folder / "archive/0/Archivov bad").write_bytes(f"SABOTAGE:{harm}".encode())
    done = archive.batch(folder)
    assert done.returncode == 3
    assert done.stdout.startswith("11 graded, 1 rejected, 1 failed.\n")
    (failed,) = (row for row in archive.rows(folder / "results") if row["outcome"] == "failed")
    assert (failed["code"], failed["source"]) == (code, str(folder / "archive/0/Archivov bad"))
    said_nothing(done)
    (folder / "archive/0/Archivov bad").write_bytes(next(archive.contents(1)))
    assert archive.batch(folder).stdout.startswith("12 graded, 1 rejected.\n")
    assert len(archive.rows(folder / "results")) == 13


def test_a_signal_stops_it_and_the_next_run_does_the_rest(folder: Path) -> None:
    archive.fill(folder / "archive", 60)
    words = archive.command("archive", "--results", "results", "--no-store")
    with subprocess.Popen(
        words, cwd=folder, env=archive.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        _until_some_are_done(folder, 5)
        running.send_signal(signal.SIGTERM)
        said, wrong = running.communicate(timeout=60)
    assert running.returncode == 3, wrong
    assert "still to do" in said
    assert archive.batch(folder, "--no-store").stdout.startswith("54 graded, 6 rejected.\n")


def _until_some_are_done(folder: Path, count: int) -> None:
    """By the ledger's size on disk, since nobody else may open it."""
    log = folder / "results/_ledger/ledger.sqlite3-wal"
    until(lambda: log.exists() and log.stat().st_size > 60_000 + count * 4096, pause=0.02)


def test_reports_are_written_when_they_are_asked_for_and_the_originals_stay(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.glob("archive/*/*")}
    archive.batch(folder, "--store", "sqlite:///other.sqlite3")
    with Store.open(f"sqlite:///{folder}/other.sqlite3") as store:
        assert store.reports.due() == ()  # a daemon would write them all
    assert not (folder / "reports").exists()
    done = archive.batch(folder, "--reports", "--store", "sqlite:///other.sqlite3")
    assert done.returncode == 1, done.stderr
    reports = [path for path in (folder / "reports").rglob("*.pdf") if path.read_bytes().startswith(b"%PDF")]
    assert len(reports) == 11
    assert {path: path.read_bytes() for path in folder.glob("archive/*/*")} == before
    assert (folder / "other.sqlite3").exists()
    assert not (folder / "work/koa.sqlite3").exists()


def test_wrong_use_is_said(folder: Path) -> None:
    assert archive.batch(folder, "--no-store", "--reports").returncode == 2
    words = [sys.executable, "-m", "koa_worker", "batch", "absent", "--results", "results"]
    done: Any = subprocess.run(
        words,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(archive.ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "neither a folder nor a manifest" in done.stderr
