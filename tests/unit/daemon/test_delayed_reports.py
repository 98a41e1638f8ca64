"""Reports of large studies wait until no more images of the study come."""

from koa_worker.daemon.delayed_reports import SECONDS_OF_QUIET, DelayedReports
from koa_worker.workers.messages import WriteReport


def test_a_study_is_due_once_when_it_has_been_quiet() -> None:
    now = [0.0]
    reports = DelayedReports(lambda: now[0])
    reports.delay("a")
    now[0] = SECONDS_OF_QUIET - 1
    assert reports.take_due() == []
    reports.delay("a")  # another image of it
    now[0] += SECONDS_OF_QUIET - 1
    assert reports.take_due() == []
    now[0] += 1
    assert reports.take_due() == [WriteReport("a")]
    assert reports.take_due() == []


def test_at_the_end_all_are_due_at_once() -> None:
    reports = DelayedReports(lambda: 0.0)
    for study_key in ("a", "b", "a"):
        reports.delay(study_key)
    assert reports.take_due(at_once=True) == [WriteReport("a"), WriteReport("b")]
    assert reports.take_due(at_once=True) == []
