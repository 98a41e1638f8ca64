"""The steps of a worker process for one file, stage by stage, in processor time.

`python -m bench.worker PLATE [NET]`: with the path of a plain net, one look by it is measured in each round too.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2

from bench.report import print_result
from bench.steps import Worker
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from koa_worker.workers.loop import settle_in

ROUNDS = 15
KNEES = 2
LOOK = "one plain look"
OF_A_KNEE = ("prepare", "grade", "explain")  # from crop to heatmap, as the naive way goes


def main(path: Path, net: Path | None) -> None:
    cv2.setNumThreads(1)
    pipeline = Pipeline.load(Config())
    settle_in(Config().limits.memory_mb)
    start_s = time.process_time()
    look = plain_look(net) if net else None
    data, spent = path.read_bytes(), defaultdict[str, list[float]](list)
    with Worker.at_work(pipeline) as worker:
        for number in range(ROUNDS + 1):
            stages = worker.work(data, number, path.suffix).stages_ms
            if look is not None:
                stages[LOOK] = look()
            if number:  # the first one warms up
                for stage, ms in stages.items():
                    spent[stage].append(ms)
    stages = {stage: statistics.median(ms) for stage, ms in spent.items()}
    print_result(start_s, sum(stages[stage] for stage in OF_A_KNEE) / KNEES, stages)


def plain_look(net: Path) -> Callable[[], float]:
    """A function that looks at one picture with a net of LiteRT, and gives the milliseconds of that."""
    from bench.look import load_litert, random_picture

    see, picture = load_litert(net), random_picture()
    see(picture)

    def look() -> float:
        start = time.process_time()
        see(picture)
        return (time.process_time() - start) * 1e3

    return look


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
