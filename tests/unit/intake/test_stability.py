"""A file is stable when it has not changed for some time."""

from pathlib import Path

from koa_worker.intake import Waiting
from koa_worker.intake.stability import StabilityTracker

FILE = Waiting(1, Path("a.dcm"), 10)


def test_a_file_settles_after_its_time() -> None:
    tracker = StabilityTracker(2.0)
    assert tracker.settled([FILE], 0.0) == []
    assert tracker.settled([FILE], 1.9) == []
    assert tracker.settled([FILE], 2.0) == [FILE]


def test_growth_or_a_new_time_starts_over() -> None:
    tracker = StabilityTracker(2.0)
    tracker.settled([FILE], 0.0)
    grown, touched = Waiting(1, FILE.path, 11), Waiting(2, FILE.path, 11)
    assert tracker.settled([grown], 2.0) == []
    assert tracker.settled([touched], 3.9) == []
    assert tracker.settled([touched], 5.9) == [touched]


def test_a_file_that_went_and_came_back_starts_over() -> None:
    tracker = StabilityTracker(2.0)
    tracker.settled([FILE], 0.0)
    tracker.settled([], 1.0)
    assert tracker.settled([FILE], 2.5) == []


def test_without_a_time_a_file_is_taken_at_once() -> None:
    assert StabilityTracker(0.0).settled([FILE], 7.0) == [FILE]
