"""A worker process that does what a job's id says, as "0 dies", and notes in the file 0 that it was given the job.

`python -m tests.unit.workers.scripted_worker FD PARENT`, as the pool starts it.
"""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from koa_worker.workers.messages import Done, Postponed, Ready, Regrade


def main() -> None:
    line = Connection(int(sys.argv[1]))
    folder: Path = line.recv().folders.work
    line.send(Ready("scripted", "0"))
    while True:
        try:
            job = line.recv()
        except EOFError:
            return
        line.send(answer(job, folder))


def answer(job: Regrade, folder: Path) -> Done | Postponed:
    words = job.file_id.split()
    note(folder, words[0])
    match words[1:]:
        case ["dies"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["dies-once"] if times(folder, words[0]) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["postponed"]:
            return Postponed(job)
        case ["postponed-once"] if times(folder, words[0]) == 1:
            return Postponed(job)
        case ["slow"]:
            time.sleep(1.0)
    return Done(job, None)


def note(folder: Path, name: str) -> None:
    with (folder / name).open("a") as stream:
        stream.write(f"{os.getpid()}\n")


def times(folder: Path, name: str) -> int:
    return len((folder / name).read_text().split())


if __name__ == "__main__":
    main()
