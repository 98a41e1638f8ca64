"""`koa-worker batch` is killed at random moments and started again until the archive is done: the results are the same.

`python -m tests.acceptance.kills [--files 300] [--kills 20] [--seed N]`; tests/integration/test_batch.py kills it at
chosen points.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from tests import archive


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=300)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = options.parse_args()
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory(prefix="koa-kills-") as place:
        torment(Path(place), chosen.files, chosen.kills, random.Random(chosen.seed))


def torment(folder: Path, files: int, kills: int, chance: random.Random) -> None:
    archive.fill(folder / "archive", files)
    start = time.monotonic()
    whole = archive.batch(folder, "--no-store", "--results", "whole", timeout=7200)
    needed = time.monotonic() - start
    done = 0
    for number in range(kills):
        # From its first moments on, and so that all kills together leave something to do.
        ended = run_for(folder, chance.uniform(0.2, 2 * needed / kills + 4))
        done += ended
        print(f"kill {number + 1}: {'it had ended before' if ended else 'killed'}")
    last = archive.batch(folder, timeout=7200)
    assert last.stdout == whole.stdout, (last.stdout, whole.stdout, last.stderr)
    parts = {path.name: path.read_bytes() for path in (folder / "whole").glob("*.parquet")}
    assert {path.name: path.read_bytes() for path in (folder / "results").glob("*.parquet")} == parts
    rows = archive.rows(folder / "results")
    with sqlite3.connect(folder / "work/koa.sqlite3") as database:
        stored = database.execute("SELECT sha256, state FROM files ORDER BY sha256").fetchall()
    assert stored == sorted((row["sha256"], row["outcome"]) for row in rows)
    print(f"{files} files, {kills - done} kills: every result once, the parts the same to the byte. {last.stdout}")


def run_for(folder: Path, seconds: float) -> bool:
    """Whether it ended by itself before it was to be killed."""
    words = archive.command("archive", "--results", "results")
    with subprocess.Popen(
        words, cwd=folder, env=archive.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return False
    return True


if __name__ == "__main__":
    main()
