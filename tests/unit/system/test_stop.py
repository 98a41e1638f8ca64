"""Stopping: requested by a signal, done after the file in progress."""

import os
import signal
import subprocess
import sys
import time

import pytest

from koa_worker.system.stop import on_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_asks_and_wakes(number: signal.Signals) -> None:
    woken: list[bool] = []
    with on_signal() as stop:
        stop.wake = lambda: woken.append(True)
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked
        assert stop.by == number.name
    assert woken == [True]


def test_what_was_there_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with on_signal():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


DEAF = """
import time
from koa_worker.system.stop import on_signal
with on_signal():
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
"""


def test_a_second_signal_ends_a_worker_that_does_not_come_to_an_end() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.terminate()
        time.sleep(0.3)
        assert child.poll() is None
        child.terminate()
        assert child.wait(10) == -signal.SIGTERM
