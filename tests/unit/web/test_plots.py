"""Plots, the dashboard's numbers, agreement."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from koa_worker.config import Config
from koa_worker.store import State
from koa_worker.store.page.day_counts import DayCount
from koa_worker.system.heartbeat import PauseReason, Pulse, beat, sole_owner
from koa_worker.web import dashboard, plots
from koa_worker.web.plots import Series

DAYS = [date(2026, 6, 1) + timedelta(days=number) for number in range(10)]
SVG = "{http://www.w3.org/2000/svg}"


def _bars(plot: plots.Plot) -> list[dict[str, str]]:
    return [bar.attrib for bar in ET.fromstring(plot.svg).iter("rect")]


def test_columns_stand_on_each_other_and_are_as_high_as_they_say() -> None:
    series = [Series("a", "fill-a", [1, 0]), Series("b", "fill-b", [3, 2])]
    plot = plots.columns("Files", "All of them.", ["2026-06-01", "2026-06-02"], series)
    low, high, alone = _bars(plot)
    assert float(high["height"]) == pytest.approx(3 * float(low["height"]), abs=0.2)
    assert float(high["y"]) + float(high["height"]) == pytest.approx(float(low["y"]), abs=0.2)
    assert float(alone["height"]) == pytest.approx(2 * float(low["height"]), abs=0.2)
    assert plot.rows == (("2026-06-01", "1", "3"), ("2026-06-02", "0", "2"))
    root = ET.fromstring(plot.svg)
    assert (root.get("role"), root.findtext("title"), root.findtext("desc")) == ("img", "Files", "All of them.")


def test_a_line_is_broken_where_there_is_nothing_to_say() -> None:
    plot = plots.line("Mean", "", list("abcd"), Series("m", "stroke-a", [0.5, 0.6, None, 0.7]), within=(0.0, 1.0))
    root = ET.fromstring(plot.svg)
    assert len([line for line in root.iter("line") if line.get("class") == "stroke-a"]) == 1
    assert len(list(root.iter("circle"))) == 3
    assert [row[1] for row in plot.rows] == ["50\u00a0%", "60\u00a0%", "–", "70\u00a0%"]


@pytest.mark.parametrize(
    ("within", "marks"),
    [((0, 4), ["0", "1", "2", "3", "4"]), ((0.0, 1.0), [f"{share}\u00a0%" for share in (0, 25, 50, 75, 100)])],
)
def test_the_scale_of_a_line_is_in_counts_or_in_per_cent(within: tuple[float, float], marks: list[str]) -> None:
    plot = plots.line("Grade", "", list("ab"), Series("KL", "stroke-a", [1.0, 3.0]), within=within)
    texts = [text for text in ET.fromstring(plot.svg).iter("text") if text.get("text-anchor") == "end"]
    assert [text.text for text in texts] == marks


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40), st.text())
def test_whatever_is_counted_the_plot_is_well_formed_and_within_its_frame(values: list[int], title: str) -> None:
    plot = plots.columns(title, title, [str(at) for at in range(len(values))], [Series("x", "fill-a", values)])
    try:
        drawn = _bars(plot)
    except ET.ParseError:
        assert any(ord(letter) < 32 or ord(letter) > 0xD7FF for letter in title)  # what XML has no way to write
        return
    for bar in drawn:
        assert plots.TOP - 0.1 <= float(bar["y"]) <= plots.HEIGHT
        assert float(bar["x"]) + float(bar["width"]) <= plots.WIDTH


def test_the_dashboard_counts_by_day() -> None:
    counted = [
        DayCount(DAYS[0], State.COMPLETED, 2, None, 3, 1.8),
        DayCount(DAYS[0], State.COMPLETED, 4, None, 1, 0.9),
        DayCount(DAYS[9], State.COMPLETED, 2, None, 1, 0.5),
        DayCount(DAYS[9], State.REJECTED, None, "no_knee", 4, 0.0),
        DayCount(DAYS[8], State.REJECTED, None, "truncated", 2, 0.0),
    ]
    assert dashboard.throughput(DAYS, counted).rows[0] == ("2026-06-01", "4", "0", "0", "0")
    assert "5 knees" in dashboard.throughput(DAYS, counted).says
    assert dashboard.distribution(DAYS, counted).rows[0] == (
        "2026-06-01",
        *(f"{share}\u00a0%" for share in (0, 0, 75, 0, 25)),
    )
    assert dashboard.distribution(DAYS, counted).rows[1][1:] == ("–",) * 5
    drift = dashboard.confidence(DAYS, counted)
    assert drift.rows[0][1] == "68\u00a0%"  # 2.7 of 4
    assert drift.says.endswith(("Last week: 50\u00a0%. Before: 68\u00a0%.", "Before: 67\u00a0%."))
    assert dashboard.rejections(counted) == [("no_knee", 4, 1.0), ("truncated", 2, 0.5)]


def test_the_dashboard_s_page_draws_what_the_store_counts(graded: Any, client: FlaskClient) -> None:
    for days in ("", "?days=90", "?days=365"):
        page = client.get(f"/dashboard{days}").text
        for said in ("2 knees graded", "KL 2 50\u00a0%", "unknown_format", "The daemon is not running"):
            assert said in page, said
    assert client.get("/dashboard?days=9999").status_code == 400


def test_the_dashboard_says_why_the_daemon_pauses(config: Config, client: FlaskClient) -> None:
    work = config.folders.work
    with sole_owner(work):
        beat(work, Pulse(workers=2, busy=0, paused=PauseReason.DISK_NEARLY_FULL, overdue=0, model=""))
        assert "The daemon is paused: disk nearly full</p>" in client.get("/dashboard").text
        beat(work, Pulse(workers=2, busy=0, paused=None, overdue=0, model=""))
        assert "The daemon pauses" not in client.get("/dashboard").text
