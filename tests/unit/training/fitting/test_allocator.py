"""Training keeps freed memory: the program restarts once with the setting, and can return the memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc takes the setting")

START = "import os; from training.fitting.allocator import keep_memory, give_back; keep_memory();"
NAMES = START + "print(sorted(os.environ))"
# Two hundred arrays of half a megabyte, every other one let go: the rest holds them in place.
HOLES = (
    START + "import gc, numpy as np;"
    "held = lambda: int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6;"
    "arrays = [np.ones(1 << 16) for _ in range(200)]; kept = arrays[::2]; before = held();"
    "del arrays; gc.collect(); freed = held(); give_back(); print(before - freed, freed - held())"
)


def say(program: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC", "KOA"))}
    return subprocess.run(
        [sys.executable, "-c", program], env=clean | environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_program_starts_over_with_the_setting() -> None:
    assert "'MALLOC_TRIM_THRESHOLD_'" in say(NAMES)


def test_it_can_be_left_as_it_is() -> None:
    assert "MALLOC" not in say(NAMES, KOA_TRAINING_ALLOCATOR="0")


def test_memory_is_kept_until_it_is_given_back() -> None:
    by_itself, given_back = map(float, say(HOLES).split())
    assert by_itself < 5
    assert given_back > 40
