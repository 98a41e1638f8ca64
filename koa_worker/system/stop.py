"""Stopping as a context: SIGTERM and SIGINT ask, the loop ends after the file in hand."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def _nothing() -> None:
    """Before there is anything to wake."""


class Stop:
    """Whether somebody asked to stop, and what is to be woken then."""

    def __init__(self) -> None:
        self.asked = False
        self.wake: Callable[[], None] = _nothing


@contextmanager
def on_signal() -> Iterator[Stop]:
    """Within, a signal sets `asked` and calls `wake`; a second one ends the process as it would without us."""
    stop = Stop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.asked = True
        stop.wake()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
