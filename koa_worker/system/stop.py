"""Stopping by signal: SIGTERM, SIGINT and SIGHUP ask the loop to stop, and it ends after the files in progress."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def _nothing() -> None:
    """The default of `wake`: nothing to wake yet."""


class Stop:
    """Whether a stop was requested, and the function that wakes the loop then."""

    def __init__(self) -> None:
        self.asked = False
        self.by = ""  # the name of the signal
        self.wake: Callable[[], None] = _nothing


def _asking() -> list[signal.Signals]:
    """The signals that request a stop: SIGHUP (a closed terminal) too, unless nohup makes the program ignore it."""
    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if deaf else [signal.SIGHUP])]


@contextmanager
def on_signal() -> Iterator[Stop]:
    """Inside the context a signal sets `asked` and calls `wake`; a second signal has its default effect."""
    stop = Stop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.asked, stop.by = True, signal.Signals(number).name
        stop.wake()

    before = {number: signal.signal(number, ask) for number in _asking()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
