"""A bar in a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from koa_worker.batch import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_say_rate_and_time_left_without_what_an_earlier_run_did(clock: list[float]) -> None:
    said = io.StringIO()
    with progress.shown(1000, 400, Console(file=said)) as meter:
        for _ in range(101):
            meter.advance()
            clock[0] += 0.25
    lines = said.getvalue().splitlines()
    assert lines == ["441 of 1000 files, 4.0 files/s, 0:02:20 left", "481 of 1000 files, 4.0 files/s, 0:02:10 left"]


def test_a_terminal_shows_a_bar() -> None:
    said = io.StringIO()
    with progress.shown(10, 4, Console(file=said, force_terminal=True, width=100)) as meter:
        meter.advance()
    assert "5/10" in said.getvalue()
