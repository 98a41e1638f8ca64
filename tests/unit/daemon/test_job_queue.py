"""The daemon's queue: what waits, what is postponed, what is not finished."""

from koa_worker.daemon.job_queue import JobQueue
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
