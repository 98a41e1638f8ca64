"""Processor seconds until a command works: its own process, and the worker process that the daemon starts.

Python's compiled files exist already, and `requests` does not, as in an installation: only the tools of development
bring it, and pydicom loads it wherever it is.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.costs import draw
from bench.page import ROOT, Section

ROUNDS, QUICK_ROUNDS = 5, 2
_HIDDEN = "hidden"  # the folder of modules that an installation lacks
_ASKED = """
import atexit, json, resource, sys
def tell():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([one.ru_utime + one.ru_stime for one in spent]), file=sys.stderr)
atexit.register(tell)
from koa_worker.commands.cli import main
main()
"""
COMMANDS = {
    "koa-worker --help": ("--help",),
    "koa-worker status": ("status",),
    "koa-worker process, with one plate of a megapixel": ("process", "plate.dcm"),
    "the same with a report": ("process", "plate.dcm", "--out", "out"),
    "koa-worker run --once, with an empty inbox": ("run", "--once"),
}


def measure_start(*, quick: bool) -> Section:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        draw(folder / "plate.dcm")
        (folder / _HIDDEN).mkdir()
        (folder / _HIDDEN / "requests.py").write_text("raise ImportError\n")
        (folder / "config.toml").write_text("[work]\nworkers = 1\n[web]\nenabled = false\n")
        _seconds(folder, COMMANDS["koa-worker run --once, with an empty inbox"])  # makes the database, too
        rows = []
        for name, words in COMMANDS.items():
            _seconds(folder, words)
            spent = [_seconds(folder, words) for _ in range(QUICK_ROUNDS if quick else ROUNDS)]
            own, workers = (statistics.median(one[who] for one in spent) for who in (0, 1))
            rows.append((name, f"{own:.2f}", f"{workers:.2f}" if workers > 0.01 else ""))
    return Section(
        title="Start-up",
        note="Processor seconds (medians) of a whole command, with its imports, its configuration and its end; and of "
        "the worker process that it starts.",
        columns=("", "own process, CPU s", "a worker process, CPU s"),
        rows=tuple(rows),
        drawn={"own process": [float(row[1]) for row in rows]},
        over=tuple(" ".join(words[:2]) for words in COMMANDS.values()),
        y="CPU s",
    )


def _seconds(folder: Path, words: tuple[str, ...]) -> list[float]:
    """Of the command itself, and of its children."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    paths = os.pathsep.join((str(folder / _HIDDEN), str(ROOT)))
    environment = {**kept, "PYTHONPATH": paths, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    program = [sys.executable, "-W", "ignore", "-c", _ASKED, *words]
    if words[0] != "--help":
        program += ["--config", "config.toml"]
    done = subprocess.run(program, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    spent: list[float] = json.loads(done.stderr.splitlines()[-1])
    return spent
