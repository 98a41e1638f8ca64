"""One file after another through the real steps of a worker process, from the claimed file to the filed original."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom

from koa_worker.config import Config
from koa_worker.intake import Claim, prepare_folders
from koa_worker.pipeline import Pipeline
from koa_worker.store import State, Store
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import Done

_PREAMBLE = 128


@dataclass(frozen=True, slots=True)
class Worked:
    """Milliseconds of processor time of one file: the whole, and by stage."""

    whole_ms: float
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process's pipeline, store and folders, in one process that measures it."""

    config: Config
    store: Store
    pipeline: Pipeline

    @classmethod
    @contextmanager
    def at_work(cls, pipeline: Pipeline) -> Iterator[Worker]:
        """With a store of its own, in which each file's report is written at once."""
        with tempfile.TemporaryDirectory(prefix="koa-steps-") as folder:
            config = Config().below(Path(folder))
            prepare_folders(config.folders)
            with Store.open(config.store.url) as store:
                yield cls(config, store, pipeline)

    def work(self, data: bytes, number: int, ending: str = ".dcm") -> Worked:
        """Completes a file with these bytes, which may name any image; `number` makes it one of its own."""
        claim = self.claim(data, number, ending)
        start = time.process_time()
        done = self.take(claim)
        return Worked((time.process_time() - start) * 1e3, done.cpu_ms)

    def take(self, claim: Claim) -> Done:
        """Completes a claimed file."""
        done = FileSteps(self.config, self.store, self.pipeline).work(claim)
        assert isinstance(done, Done), done
        assert done.state in (State.COMPLETED, State.REJECTED), done
        return done

    def claim(self, data: bytes, number: int, ending: str = ".dcm") -> Claim:
        """The file as the dispatcher gives it to its worker processes."""
        file_id = f"{number:032x}"
        path = self.config.folders.work / f"{file_id}.file"
        path.write_bytes(as_another(data, number))
        path.with_suffix(".json").write_text("{}")
        return Claim(file_id, path, f"{number}{ending}")


def as_another(data: bytes, number: int) -> bytes:
    """The same image as another instance in another study: the same bytes again would be a duplicate."""
    if data[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
        return data + b"#%d" % number  # what follows its end makes a picture a file of its own
    header = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
    for uid in {str(header.StudyInstanceUID), str(header.SOPInstanceUID)}:
        data = data.replace(uid.encode(), _numbered(uid, number).encode())
    return data


def _numbered(uid: str, number: int) -> str:
    """Another UID of the same length."""
    tail = min(6, len(re.split(r"\D", uid)[-1]) - 1)
    return f"{uid[: len(uid) - tail]}{number:0{tail}}"
