"""The counts of expensive operations for one radiograph, which do not depend on other programs: higher counts fail."""

import pytest

from bench.costs import COLUMNS, ROWS, Costs, costs_of, draw
from bench.steps import Worker
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline

# Lower them when something becomes cheaper; who raises one says in the commit what is bought with it.
MOST = Costs(frame_passes=3, resizes=70, encodings=7, statements=31, opened=8)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Costs:
    plate = tmp_path_factory.mktemp("costs") / "plate.dcm"
    draw(plate)
    with Worker.at_work(Pipeline.load(Config())) as worker:
        return costs_of(worker, plate.read_bytes(), ROWS * COLUMNS)


@pytest.mark.parametrize("what", Costs.__slots__)
def test_a_plate_costs_no_more_than_before(counted: Costs, what: str) -> None:
    assert 0 < getattr(counted, what) <= getattr(MOST, what)
