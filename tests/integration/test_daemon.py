"""The daemon with its worker processes: a file that harms a worker costs that file one try, and nothing else."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.values import Side
from tests.make import free_port, until

ROOT = Path(__file__).parents[2]
SETTINGS = """
[study]
quiet_seconds = 0.0
[intake]
stable_seconds = 0.0
scan_seconds = 0.3
incomplete_seconds = 0.5
[limits]
min_free_mb = 0
"""


@pytest.fixture(scope="module")
def knee(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("knee") / "knee.png"
    write_png(path, synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=300))
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work/inbox").mkdir(parents=True)
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, more: str = "") -> None:
    (folder / "config.toml").write_text(SETTINGS + more)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'tests/sabotage'}:{ROOT}", "PYTHONWARNINGS": "error", **more}


def run_once(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "koa_worker", "run", "--once"]
    return subprocess.run(
        words, check=False, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=200
    )


@contextmanager
def running(folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "koa_worker", "run"]
    with subprocess.Popen(words, cwd=folder, env=environment(**more), stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stderr is not None
            assert "ready" in daemon.stderr.readline()
            yield daemon
        finally:
            daemon.kill()


def states(folder: Path) -> list[tuple[str, str | None]]:
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        rows = database.execute("SELECT state, code FROM files ORDER BY state, code").fetchall()
    database.close()
    return rows


def originals(folder: Path, where: str) -> list[Path]:
    return [path for path in (folder / "work" / where).rglob("*") if path.is_file() and path.suffix != ".txt"]


def workers_of(daemon: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("harm", "code", "limits"),
    [
        ("crash", "worker_crashed", ""),
        ("hang", "timed_out", "seconds_per_file = 5.0\n"),  # a good file needs a second on a machine with much to do
        ("eat", "out_of_memory", "memory_mb = 700\n"),
    ],
)
def test_a_harmful_file_fails_with_its_code_and_the_others_go_on(
    folder: Path, knee: bytes, harm: str, code: str, limits: str
) -> None:
    configure(folder, f"max_tries = 1\n{limits}[work]\nworkers = 1\n")
    (folder / "work/inbox/a.dcm").write_bytes(f"SABOTAGE:{harm}".encode())
    (folder / "work/inbox/b.png").write_bytes(knee)
    done = run_once(folder)
    assert done.returncode == 3
    assert done.stdout == "1 graded, 1 failed.\n"
    assert states(folder) == [("completed", None), ("failed", code)]
    assert len(originals(folder, "failed")) == len(originals(folder, "done")) == 1
    assert f"code={code}" in done.stderr
    assert (folder / "work/claimed").exists()
    assert [path.name for path in (folder / "work/claimed").iterdir()] == [".lock"]


def test_the_report_of_a_large_study_is_put_off_and_then_shows_all_of_it(folder: Path) -> None:
    configure(folder, "[work]\nworkers = 1\n")
    for seed in range(10):
        knee = synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=240, seed=seed)
        write_dicom(folder / f"work/inbox/{seed}.dcm", knee, study_uid="7.7.7.1")
    assert run_once(folder).returncode == 0
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        (counts,) = database.execute("SELECT changes, reported_changes FROM studies").fetchall()
        written = database.execute("SELECT count(*) FROM reports WHERE written_at IS NOT NULL").fetchall()
    database.close()
    assert counts == (10, 10)
    assert written == [(9,)]  # at each of the first eight images, and when no more of them waited
    assert len(list((folder / "reports").rglob("*.pdf"))) == 1


def test_a_file_that_kills_its_worker_is_tried_again_later_and_then_parked(folder: Path) -> None:
    configure(folder, "max_tries = 2\n[work]\nworkers = 1\n")
    (folder / "work/inbox/a.dcm").write_bytes(b"SABOTAGE:crash")
    run_once(folder)
    assert states(folder) == [("failed", "worker_crashed")]
    assert originals(folder, "failed") == []
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        database.execute("UPDATE files SET next_try_at = '2020-01-01 00:00:00.000000'")
    database.close()
    run_once(folder)
    assert len(originals(folder, "failed")) == 1


def test_a_settled_file_over_which_every_worker_falls_is_given_up_until_the_next_start(
    folder: Path, knee: bytes
) -> None:
    configure(folder, "max_tries = 2\n[work]\nworkers = 1\n")
    (folder / "work/inbox/a.png").write_bytes(knee)
    # Its result is kept and each worker dies at its first filing: the drain must come to an end all the same.
    done = run_once(folder, SABOTAGE_KILL="koa_worker.workers.file_steps:file_away:before:1:worker")
    assert done.returncode == 3, "the next start has to file it"
    assert done.stderr.count("worker process died") == 2
    assert done.stderr.count("given up until the next start") == 1
    assert states(folder) == [("completed", None)]
    assert len(list((folder / "work/claimed").glob("*.json"))) == 1
    run_once(folder)
    assert [path.name for path in (folder / "work/claimed").iterdir()] == [".lock"]
    assert len(originals(folder, "done")) == 1


@pytest.mark.parametrize(
    "last_step", ["koa_worker.workers.file_steps:file_away", "koa_worker.intake.claim:Claim.release"]
)
def test_a_file_whose_worker_dies_right_after_filing_it_holds_up_nothing(
    folder: Path, knee: bytes, last_step: str
) -> None:
    configure(folder, "[work]\nworkers = 1\n")
    (folder / "work/inbox/a.png").write_bytes(knee)
    done = run_once(folder, SABOTAGE_KILL=f"{last_step}:after:1:worker")
    assert done.returncode == 0
    assert "worker process died" in done.stderr
    assert "postponed" not in done.stderr
    assert states(folder) == [("completed", None)]
    assert [path.name for path in (folder / "work/claimed").iterdir()] == [".lock"]
    assert len(originals(folder, "done")) == 1


def test_the_worker_processes_die_with_a_killed_daemon(folder: Path) -> None:
    with running(folder) as daemon:
        workers = workers_of(daemon)
        assert len(workers) == len(os.sched_getaffinity(0))
        daemon.kill()
        daemon.wait()
        until(lambda: not any(Path(f"/proc/{pid}/status").exists() for pid in workers), 10)


def test_stopping_finishes_the_files_in_hand_within_the_limit(folder: Path, knee: bytes) -> None:
    configure(folder, "[work]\nworkers = 1\nstop_seconds = 2\n")
    with running(folder) as daemon:
        (folder / "work/inbox/a.dcm").write_bytes(b"SABOTAGE:hang")
        until(lambda: workers_of(daemon) and states(folder) == [("working", None)])
        begun = time.monotonic()
        daemon.send_signal(signal.SIGINT)
        assert daemon.wait(20) == 0
        assert 1.5 < time.monotonic() - begun < 12
    assert len([path for path in (folder / "work/claimed").iterdir() if path.suffix == ".file"]) == 1


def test_nothing_is_taken_outside_the_hours(folder: Path, knee: bytes) -> None:
    hour = time.localtime().tm_hour
    configure(folder, f'[work]\nrun_between = "{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00"\n')
    (folder / "work/inbox/a.png").write_bytes(knee)
    done = run_once(folder)
    assert done.returncode == 0
    assert done.stdout == "1 left (outside run_between).\n"
    assert "outside run_between" in done.stderr
    assert len(originals(folder, "inbox")) == 1


def test_nothing_is_taken_while_the_disk_is_nearly_full(folder: Path, knee: bytes) -> None:
    (folder / "config.toml").write_text(SETTINGS.replace("min_free_mb = 0", "min_free_mb = 1000000000"))
    (folder / "work/inbox/a.png").write_bytes(knee)
    done = run_once(folder)
    assert (done.returncode, done.stdout) == (3, "1 left (disk nearly full).\n")
    with running(folder):
        pulse = folder / "work/claimed/.pulse"
        until(lambda: pulse.exists() and "disk_nearly_full" in pulse.read_text())
        said = json.loads(
            subprocess.run(
                [sys.executable, "-m", "koa_worker", "status", "--json"],
                cwd=folder, env=environment(), capture_output=True, text=True, check=True,
            ).stdout
        )  # fmt: skip
        assert said["daemon"] == "paused: disk nearly full"
        assert said["in_inbox"] == 1
    assert len(originals(folder, "inbox")) == 1


def test_metrics_and_the_service_manager_are_told(folder: Path, knee: bytes, tmp_path: Path) -> None:
    port = free_port()
    configure(folder, f"[metrics]\nport = {port}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        with running(folder, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000") as daemon:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100).startswith(b"WATCHDOG=1\nSTATUS=")
            (folder / "work/inbox/Petrov^Anna.png").write_bytes(knee)
            until(lambda: states(folder) == [("completed", None)] and not originals(folder, "inbox"))
            until(lambda: 'koa_files_total{outcome="completed"} 1.0\n' in read_metrics(port))
            told = read_metrics(port)
            assert "Petrov" not in told
            assert 'koa_stage_duration_seconds_count{stage="read"} 1.0\n' in told
            assert "process_resident_memory_bytes" in told
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
            heard = b""
            while b"STOPPING=1" not in heard:
                heard = manager.recv(100)


def read_metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read(), "ascii")


def test_worker_processes_see_what_the_environment_sets(folder: Path, knee: bytes) -> None:
    """The store is written by a worker process, the original filed by it."""
    (folder / "secret").write_text("sqlite:///work/other.sqlite3\n")
    (folder / "work/inbox/a.png").write_bytes(knee)
    done = run_once(folder, KOA__STORE__URL_FILE="secret", KOA__FOLDERS__DONE="work/elsewhere", KOA__WORK__WORKERS="1")
    assert done.returncode == 0, done.stderr
    assert len(originals(folder, "elsewhere")) == 1
    assert not (folder / "work/koa.sqlite3").exists()
    (folder / "work/other.sqlite3").rename(folder / "work/koa.sqlite3")
    assert states(folder) == [("completed", None)]


def test_regrade_works_off_what_another_model_graded(folder: Path, knee: bytes) -> None:
    (folder / "work/inbox/a.png").write_bytes(knee)
    (folder / "work/inbox/b.png").write_bytes(knee + b"#")
    run_once(folder)
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:  # as if an earlier release had graded them
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("UPDATE models SET digest = 'earlier'")
        database.execute("UPDATE grades SET model_digest = 'earlier'")
    database.close()
    words = [sys.executable, "-m", "koa_worker", "regrade"]
    said = [
        subprocess.run(words, check=True, cwd=folder, env=environment(), capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert said == [
        "2 graded again, 0 keep their earlier grades.\n",
        "0 graded again, 0 keep their earlier grades.\n",
    ]
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        assert database.execute("SELECT count(*), sum(is_current) FROM grades").fetchall() == [(4, 2)]
        assert database.execute("SELECT max(revision) FROM reports").fetchall() == [(2,)]
    database.close()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs another account's file")
@pytest.mark.timeout(600)  # the daemon starts three times
def test_files_of_another_account_that_may_not_be_read_stop_nothing(folder: Path, knee: bytes) -> None:
    """As an exporter with umask 077 leaves them; the daemon runs without root's right to read everything."""
    configure(folder, "[work]\nworkers = 2\n")
    for number in range(3):
        (folder / f"work/inbox/good{number}.png").write_bytes(knee + b"#" * number)
        private = folder / f"work/inbox/Petrov{number}.png"
        private.write_bytes(knee + b"!" * (number + 1))
        private.chmod(0o600)
        os.chown(private, 12345, 12345)
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "koa_worker"]
    done = subprocess.run(
        [*words, "run", "--once"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    assert "does not answer" not in done.stderr
    assert "Petrov" not in done.stderr
    assert sorted(states(folder)) == [("completed", None)] * 3 + [("failed", "io")] * 3
    assert len(originals(folder, "failed")) == 3
    with running(folder):
        check = subprocess.run(
            [*words, "status", "--check"], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
    assert check.returncode == 1
    assert "parked: Files failed on every try (3 files)" in check.stdout
    for path in (path for path in originals(folder, "failed") if path.suffix == ".png"):
        os.chown(path, 0, 0)
    subprocess.run([*words, "retry"], cwd=folder, env=environment(), check=True, capture_output=True)
    assert run_once(folder).returncode == 0
    assert sorted(states(folder)) == [("completed", None)] * 6
