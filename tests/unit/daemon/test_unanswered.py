"""From when to when disk and database count as not answering."""

from koa_worker.daemon.unanswered import Unanswered
from koa_worker.system.heartbeat import PauseReason


def test_files_that_wait_are_tried_until_one_is_done() -> None:
    unanswered = Unanswered(300.0)
    assert not unanswered
    assert unanswered.reason is None
    unanswered.begin(may_try=True)
    unanswered.house_kept(idle=False)  # the database answers; whether the disk does, the file will tell
    assert unanswered.reason is PauseReason.NO_ANSWER
    assert unanswered.may_try
    unanswered.end()
    assert not unanswered


def test_nothing_is_tried_while_the_database_has_just_not_answered() -> None:
    unanswered = Unanswered(300.0)
    unanswered.begin(may_try=False)
    assert not unanswered.may_try
    unanswered.house_kept(idle=True)
    assert unanswered.may_try
    assert not unanswered


def test_a_run_with_an_end_waits_for_database_and_folders_and_no_longer_than_it_should() -> None:
    now = [0.0]
    unanswered = Unanswered(300.0, lambda: now[0])
    assert not unanswered.in_doubt
    unanswered.note_folders(lost=True)
    assert unanswered.in_doubt
    now[0] = 200.0
    unanswered.begin(may_try=False)
    now[0] = 301.0
    assert unanswered.is_lost
    unanswered.note_folders(lost=False)
    assert not unanswered.is_lost
    now[0] = 501.0
    assert unanswered.is_lost
