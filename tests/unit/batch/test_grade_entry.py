"""The findings of a batch's worker process for entries that it cannot grade."""

from pathlib import Path

import pytest

from koa_worker.batch.entries import examine
from koa_worker.batch.grade_entry import look
from koa_worker.batch.read_ahead import read_ahead
from koa_worker.batch.source import entries_of
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from tests import make


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


def graded(*, on: bool) -> None:
    """Nobody limits the time of these tests' worker process."""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", make.IRREGULAR)
def test_what_a_manifest_lists_and_is_no_regular_file_is_rejected_unread(
    tmp_path: Path, pipeline: Pipeline, kind: str
) -> None:
    """A device never ends, and a pipe waits for its writer."""
    make.irregular(tmp_path / "knee.dcm", kind)
    (tmp_path / "list.txt").write_text("knee.dcm\n")
    (entry,) = entries_of(str(tmp_path / "list.txt"), Path("/nowhere"))
    jobs = iter([examine(0, entry, keep=False)])
    (ahead,) = read_ahead(lambda: next(jobs, None), 1000)
    finding = look(ahead, pipeline, graded)
    assert (finding.ending, finding.rows[0]["code"]) == ("rejected", "unknown_format")
