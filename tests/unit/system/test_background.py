"""Work in a thread begins with its context, and has ended when the context is closed."""

import threading

import pytest

from koa_worker.system.background import in_background


def test_the_work_ends_with_its_context_also_after_a_fault() -> None:
    begun, done = threading.Event(), []

    def work(stop: threading.Event) -> None:
        begun.set()
        done.append((threading.current_thread().name, stop.wait(20)))

    def fail() -> None:
        with in_background("test", work):
            assert begun.wait(20)
            assert not done
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert done == [("test", True)]
