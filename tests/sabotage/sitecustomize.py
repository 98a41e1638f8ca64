"""Makes a worker process fail on purpose. Python loads this at its start if the folder is on PYTHONPATH.

SABOTAGE_KILL="module:name:before|after:nth:worker|daemon" kills at the nth call of a function, as kill -9 would.
SABOTAGE_KILLED=FILE has the kill make that file, so that a test sees that it came.
SABOTAGE_CLOCK=FILE sets the clock of every process back by the seconds that the file holds.
A file that begins with SABOTAGE:crash, :hang or :eat does so to whoever reads it.
"""

import datetime as dt
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

CLOCKS = (
    "koa_worker.workers.file_steps",
    "koa_worker.daemon.dispatcher",
    "koa_worker.daemon.worker_deaths",
    "koa_worker.registrar",
    "koa_worker.store.database.base",
)


def kill_at(module: ModuleType, name: str, when: str, nth: str, victim: str) -> None:
    owner: Any = module
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real, calls = getattr(owner, last), iter(range(1, 10**9))

    def wrapped(*args: Any, **options: Any) -> Any:
        now = next(calls) == int(nth)
        if now and when == "before":
            die(victim)
        result = real(*args, **options)
        if now:
            die(victim)
        return result

    setattr(owner, last, wrapped)


def die(victim: str) -> None:
    """The daemon is the parent of a worker; a worker dies with it."""
    if mark := os.environ.get("SABOTAGE_KILLED"):
        Path(mark).touch()
    in_daemon = "koa_worker.workers.pool" in sys.modules
    os.kill(os.getppid() if victim == "daemon" and not in_daemon else os.getpid(), signal.SIGKILL)
    time.sleep(60)


def misread(module: ModuleType) -> None:
    real = module.read

    def read(arrival: Any, *rest: Any, **options: Any) -> Any:
        with arrival.path.open("rb") as stream:
            head = stream.read(14)
        if head.startswith(b"SABOTAGE:crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if head.startswith(b"SABOTAGE:hang"):
            time.sleep(1000)
        if head.startswith(b"SABOTAGE:eat"):
            eaten = [bytearray(b"x" * (1 << 24)) for _ in range(500)]
            time.sleep(len(eaten))
        return real(arrival, *rest, **options)

    module.read = read  # type: ignore[attr-defined]


def shift(module: ModuleType, by: Path) -> None:
    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.now(tz) - dt.timedelta(seconds=float(by.read_text() or 0))

    assert hasattr(module, "datetime"), f"{module.__name__} has no clock"
    module.datetime = Shifted  # type: ignore[attr-defined]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads modules unchanged and changes them afterwards."""

    def __init__(self, changes: dict[str, list[Callable[[ModuleType], None]]]) -> None:
        self.changes = changes
        self.specs: dict[str, ModuleSpec] = {}

    def find_spec(self, name: str, path: Any, _: Any = None) -> ModuleSpec | None:
        if name not in self.changes:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        self.specs[name] = spec
        return importlib.util.spec_from_file_location(
            name, spec.origin, loader=self, submodule_search_locations=spec.submodule_search_locations
        )

    def create_module(self, _: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        loader = self.specs[module.__name__].loader
        assert loader is not None
        loader.exec_module(module)
        for change in self.changes[module.__name__]:
            change(module)


def set_up() -> None:
    changes: dict[str, list[Callable[[ModuleType], None]]] = {"koa_worker.read": [misread]}
    if point := os.environ.get("SABOTAGE_KILL"):
        place, name, *how = point.split(":")
        changes.setdefault(place, []).append(lambda module: kill_at(module, name, *how))
    if clock := os.environ.get("SABOTAGE_CLOCK"):
        for place in CLOCKS:
            changes.setdefault(place, []).append(lambda module: shift(module, Path(clock)))
    sys.meta_path.insert(0, Finder(changes))


set_up()
