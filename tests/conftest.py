"""Fixtures for all tests: the development data where they exist, other programs to compare with."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Server, programs, serving

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command called in a test sends the log to that test's stderr, which is closed in the next one."""
    loggers = [logging.getLogger(name) for name in (None, "koa_worker")]
    handlers, levels, hook = loggers[0].handlers[:], [logger.level for logger in loggers], threading.excepthook
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    threading.excepthook = hook


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real radiographs, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the development data are not here")
    return SHARED


@pytest.fixture(scope="session")
def peer() -> Callable[[str], str]:
    """`peer("dcmcjpeg")` → its path; another program that does the same, to compare with. CI must have them all."""

    def find(program: str) -> str:
        found = shutil.which(program)
        if found is None:
            assert "CI" not in os.environ, f"{program} is missing: CI compares with it"
            pytest.skip(f"{program} is not installed (Debian: dcmtk)")
        return found

    return find


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of our own. CI must have the programs."""
    if programs() is None:
        assert "CI" not in os.environ, "PostgreSQL is missing: CI runs the store's tests on it"
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with serving() as server:
        yield server
