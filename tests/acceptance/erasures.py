"""`koa-worker forget` is killed at random steps: the next call finishes it, and no byte of the patient is left.

`python -m tests.acceptance.erasures [--kills 100] [--seed N]`; test_erasures.py runs a short form. A step is a file
that is removed or renamed, a folder that is synced, an SQL statement or a commit; the kill comes just before it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from koa_worker.config import Config
from koa_worker.custody.erase import erase
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store
from koa_worker.store.records.belongings import ErasureReason, FoundStudy, Whose
from tests.erasure_site import BY_ID, OTHER, Site, site_in
from tests.make import free_port

_FILE_STEPS = ("os.remove", "os.rename", "os.rmdir")
_NOBODY = Whose(patient_id="of nobody")


class Steps:
    """Counts what the process does, and kills it before one of these steps."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        self._last = last
        sys.addaudithook(lambda name, _: self._step() if name in _FILE_STEPS else None)
        event.listen(Engine, "before_cursor_execute", self._step)
        event.listen(Engine, "commit", self._step)

    def _step(self, *_: Any) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def erase_in_child(settings: Config, last: int | None) -> int | None:
    """Erases the patient in a process of its own; gives the number of its steps, None if it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        steps = Steps(last)
        with Store.open(settings.store.url) as store:
            erase(settings, store, BY_ID, who="console", wait_seconds=0.0)
        os.write(writer, str(steps.count).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return int(said) if said else None


def torment(folder: Path, kills: int, chance: random.Random) -> Counter[str]:
    """Kills the given number of times, in rounds of one to three; each round starts with the full site."""
    pipeline = Pipeline.load(Config())
    with site_in(folder / "site", pipeline) as site:
        site.fill(free_port())
        settings, of_other = site.settings, site.store.found.of(Whose(patient_id=OTHER.id))
    shutil.copytree(folder / "site", folder / "copy")
    steps = erase_in_child(settings, None)
    assert steps is not None
    done = Counter(steps=steps)
    while done["kills"] < kills:
        shutil.rmtree(folder / "site")
        shutil.copytree(folder / "copy", folder / "site")
        for _ in range(min(chance.randint(1, 3), kills - done["kills"])):
            if erase_in_child(settings, chance.randint(1, steps)) is not None:
                done["it had ended before"] += 1  # a later kill in a round may find less to do
                break
            done["kills"] += 1
        _finish(folder, pipeline, of_other, done)
        done["rounds"] += 1
    return done


def _finish(folder: Path, pipeline: Pipeline, of_other: tuple[FoundStudy, ...], done: Counter[str]) -> None:
    """An erasure that had begun is finished by a call for another patient; one that had not, by the same call again."""
    with site_in(folder / "site", pipeline) as site:
        begun = bool(site.store.erasures.doomed(ErasureReason.FORGET))
        erased = not site.store.found.of(BY_ID)
        erase(site.settings, site.store, _NOBODY, who="console", wait_seconds=0.0)
        if not (begun or erased):
            erase(site.settings, site.store, BY_ID, who="console", wait_seconds=0.0)
        done["begun" if begun else "ended" if erased else "not begun"] += 1
        _check(site, of_other)


def _check(site: Site, of_other: tuple[FoundStudy, ...]) -> None:
    assert site.traces() == []
    assert site.store.found.of(Whose(patient_id=OTHER.id)) == of_other
    assert not site.store.erasures.doomed(ErasureReason.FORGET)
    for study in of_other:
        assert Path(study.report or "").is_file() == (study.report is not None)
        assert all(Path(file.original or "").is_file() for file in study.files)
    assert site.store.audit.entries(limit=1)[0].action == "forget_finished"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="koa-erasures-") as place:
        done = torment(Path(place), chosen.kills, random.Random(chosen.seed))
    print(f"{dict(done)} in {time.monotonic() - since:.0f} s: nothing left, nothing else lost")


if __name__ == "__main__":
    main()
