"""The daemon's queue: what waits, what is postponed, what is not finished."""

from pathlib import Path

from koa_worker.daemon.job_queue import JobQueue
from koa_worker.intake import Claim
from koa_worker.workers.messages import WriteReport

A, B, C = (WriteReport(key) for key in "abc")


def test_jobs_are_taken_in_their_order_and_are_unfinished_until_they_are_finished() -> None:
    jobs = JobQueue()
    jobs.add(A)
    jobs.add(B)
    assert len(jobs) == 2
    assert jobs.take() == A
    assert jobs.is_unfinished("a")
    jobs.finish(A)
    assert not jobs.is_unfinished("a")
    assert jobs.is_unfinished("b")


def test_postponed_jobs_do_not_wait_until_they_are_put_back_before_the_others() -> None:
    jobs = JobQueue()
    for job in (A, B, C):
        jobs.add(job)
    jobs.postpone(jobs.take())
    assert jobs.has_postponed
    assert len(jobs) == 2
    assert jobs.is_unfinished("a")
    jobs.put_back_postponed()
    assert not jobs.has_postponed
    assert [jobs.take() for _ in range(3)] == [A, B, C]


def test_reports_can_be_taken_out_of_their_turn() -> None:
    jobs = JobQueue()
    file = Claim("f", Path("f.file"), "f.dcm")
    for job in (file, A, B):
        jobs.add(job)
    assert jobs.take_report() == A
    assert jobs.has_report
    assert jobs.take_report() == B
    assert not jobs.has_report
    assert jobs.take_report() is None
    assert jobs.take() == file
