"""The exit code and the last line of `run --once`."""

import pytest

from koa_worker.daemon.ending import RunSummary


@pytest.mark.parametrize(
    ("summary", "code", "line"),
    [
        (RunSummary(), 0, "nothing to do."),
        (RunSummary(graded=3, duplicates=1), 0, "3 graded, 1 duplicates."),
        (
            RunSummary(graded=3, left=7, hours_over=True, why="outside run_between"),
            0,
            "3 graded, 7 left (outside run_between).",
        ),
        (RunSummary(graded=3, rejected=1), 1, "3 graded, 1 rejected."),
        (RunSummary(rejected=1, left=2, hours_over=True), 1, "1 rejected, 2 left."),
        (RunSummary(graded=3, rejected=1, failed=1), 3, "3 graded, 1 rejected, 1 failed."),
        (RunSummary(left=2, unclaimable=2), 3, "2 left, 2 of these not to be taken."),
        (RunSummary(left=2, unclaimable=2, hours_over=True), 3, "2 left, 2 of these not to be taken."),
        (RunSummary(left=4, why="disk nearly full"), 3, "4 left (disk nearly full)."),
        (RunSummary(graded=1, left=4, why="interrupted"), 3, "1 graded, 4 left (interrupted)."),
        (RunSummary(graded=1, why="interrupted"), 0, "1 graded (interrupted)."),
        (RunSummary(failed=1, lost=True, why="database or folder lost"), 4, "1 failed (database or folder lost)."),
    ],
)
def test_the_end_of_a_run(summary: RunSummary, code: int, line: str) -> None:
    assert (summary.exit_code, str(summary)) == (code, line)
