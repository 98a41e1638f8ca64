"""A timer by a clock that the test sets."""

from koa_worker.daemon.timers import Timer


def test_it_is_due_at_once_and_then_after_its_time() -> None:
    now = [100.0]
    timer = Timer(2.0, lambda: now[0])
    assert timer.is_due()
    timer.restart()
    assert not timer.is_due()
    assert timer.seconds_left() == 2.0
    now[0] += 2.0
    assert timer.is_due()
    now[0] += 9.0
    assert timer.seconds_left() == 0.0


def test_it_can_be_due_once_after_another_time() -> None:
    now = [100.0]
    timer = Timer(2.0, lambda: now[0])
    timer.restart(3.0)
    assert timer.seconds_left() == 3.0
    timer.restart(0.0)
    assert timer.is_due()
    timer.restart()
    assert timer.seconds_left() == 2.0
