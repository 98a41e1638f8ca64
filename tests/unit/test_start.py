"""The modules that a command loads at its start: each library here costs every process a tenth of a second or more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "import sys, json, atexit; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr)); "
FROZEN = "import sys, gc, atexit; atexit.register(lambda: print(gc.get_freeze_count(), file=sys.stderr)); "
PROCESS = "sys.argv = ['koa-worker', 'process', sys.argv[1]]; from koa_worker.commands.cli import main; main()"

PIXELS = {"numpy", "cv2", "pydicom", "imagecodecs", "ai_edge_litert"}
STORE = {"sqlalchemy", "alembic"}
REPORT = {"reportlab", "arabic_reshaper", "bidi"}
NETWORK = {"pynetdicom", "flask", "waitress", "highdicom"}
OTHERS = {"scipy", "tensorflow", "keras", "pyarrow", "fsspec", "dask", "rich"}
# What of the store only the page or single commands need.
RARE = {f"koa_worker.store.{name}" for name in ("export", "site_scale", "page.worklist", "page.worklist_values")}
RARE |= {f"koa_worker.store.{name}" for name in ("erasure.erasures", "counts.watch_days", "lifecycle.corrections")}
RARE |= {f"koa_worker.store.records.{name}" for name in ("export", "users")}

NEVER = {
    "import koa_worker.commands.cli": PIXELS | STORE | REPORT | NETWORK | OTHERS,
    # The dispatcher loads no decoder, no net and no driver of a database that is not the configured one.
    "import koa_worker.daemon.start, koa_worker.daemon.run": PIXELS
    | REPORT
    | NETWORK
    | OTHERS
    | RARE
    | {"alembic", "sqlalchemy.dialects.postgresql", "prometheus_client", "http.client", "koa_worker.watch.drift"},
    # Who wants neither reports nor objects waits for no database.
    PROCESS: STORE | REPORT | NETWORK | OTHERS | {"watchdog", "koa_worker.knee_fields"},
}


@pytest.mark.parametrize("program", NEVER, ids=("cli", "daemon", "process"))
def test_nothing_is_loaded_that_is_not_needed(program: str, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("no picture\n")
    command = [sys.executable, "-W", "ignore", "-c", LOADED + program, str(other)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "koa_worker" in loaded
    assert loaded & NEVER[program] == set()
    if program == PROCESS:
        assert "rejected" in done.stdout


def test_garbage_is_searched_as_usual_while_files_are_graded(tmp_path: Path) -> None:
    """A file that is refused leaves its pixels in objects that refer to one another: 60 of them took 300 MB more."""
    other = tmp_path / "notes.txt"
    other.write_text("no picture\n")
    usual = "import sys, gc, atexit; u = gc.get_threshold(); "
    at_end = "atexit.register(lambda: print(gc.get_threshold() == u, gc.isenabled(), file=sys.stderr)); "
    command = [sys.executable, "-W", "ignore", "-c", usual + at_end + PROCESS, str(other)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    assert done.stderr.splitlines()[-1] == "True True"


def test_nothing_is_searched_for_garbage_at_the_end_of_a_command() -> None:
    program = "sys.argv = ['koa-worker', '--version']; from koa_worker.commands.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", FROZEN + program], capture_output=True, text=True, check=True)
    assert int(done.stderr) > 10_000
