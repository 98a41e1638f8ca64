"""The counts of the daemon since its start."""

from prometheus_client import CollectorRegistry, generate_latest

from koa_worker.daemon.counts import RunCounts
from koa_worker.daemon.metrics import Stages
from koa_worker.store import State
from koa_worker.workers.messages import Done, WriteReport

JOB = WriteReport("a")


def test_outcomes_codes_and_times_are_added_up() -> None:
    counts = RunCounts()
    counts.stages = Stages()
    counts.add_job(Done(JOB, State.COMPLETED, None, {"read": 2.0}, {"read": 1.0}))
    counts.add_job(Done(JOB, State.REJECTED, "no_knee", {"read": 3.0}, {"read": 2.0}))
    counts.add_outcome(State.FAILED, "timed_out")
    assert counts.outcomes == {"completed": 1, "rejected": 1, "failed": 1}
    assert counts.codes == {"no_knee": 1, "timed_out": 1}
    assert (counts.spent_ms, counts.cpu_ms) == ({"read": 5.0}, {"read": 3.0})
    shown = CollectorRegistry()
    shown.register(counts.stages.histogram)
    assert b'koa_stage_duration_seconds_count{stage="read"} 2.0' in generate_latest(shown)


def test_a_duplicate_of_a_rejected_file_counts_no_code_and_a_report_no_file() -> None:
    counts = RunCounts()
    counts.add_job(Done(JOB, State.DUPLICATE, "no_knee"))
    counts.add_job(Done(JOB, None))
    assert counts.outcomes == {"duplicate": 1}
    assert counts.codes == {}
