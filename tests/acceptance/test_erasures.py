"""Erasures under kills in short; `python -m tests.acceptance.erasures` kills a hundred times."""

import subprocess
import sys

from tests.acceptance.torture import ROOT


def test_a_killed_erasure_is_finished_by_the_next_call() -> None:
    words = [sys.executable, "-m", "tests.acceptance.erasures", "--kills", "12", "--seed", "3"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "nothing left, nothing else lost" in done.stdout
