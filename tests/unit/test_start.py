"""The modules that a command loads at its start: each library here costs every process a tenth of a second or more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "import sys, json, atexit; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr)); "
PROCESS = "sys.argv = ['koa-worker', 'process', sys.argv[1]]; from koa_worker.commands.cli import main; main()"

PIXELS = {"numpy", "cv2", "pydicom", "imagecodecs", "ai_edge_litert"}
STORE = {"sqlalchemy", "alembic"}
REPORT = {"reportlab", "arabic_reshaper", "bidi"}
NETWORK = {"pynetdicom", "flask", "waitress", "highdicom"}
OTHERS = {"scipy", "tensorflow", "keras", "pyarrow", "fsspec", "dask"}

NEVER = {
    "import koa_worker.commands.cli": PIXELS | STORE | REPORT | NETWORK | OTHERS,
    # The dispatcher loads no decoder, no net and no driver of a database that is not the configured one.
    "import koa_worker.daemon.start, koa_worker.daemon.run": PIXELS
    | REPORT
    | NETWORK
    | OTHERS
    | {"alembic", "sqlalchemy.dialects.postgresql"},
    # Who wants neither reports nor objects waits for no database.
    PROCESS: STORE | REPORT | NETWORK | OTHERS | {"watchdog"},
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
