"""The drift page shows each complete week; the weeks of each device are in a table of their own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import text

from koa_worker.store import Store
from koa_worker.web.last_watch import LastWatch
from tests.unit.web.conftest import Graded


def test_the_page_shows_a_week_that_is_over(client: FlaskClient, store: Store, graded: Graded) -> None:
    day = datetime.now(UTC).date() - timedelta(days=14)
    with store.sessions.writing.begin() as connection:
        connection.execute(text("UPDATE worklist_lines SET day = :day"), {"day": day.isoformat()})
    page = client.get("/dashboard/drift")
    assert page.status_code == 200
    assert "Nothing is judged yet" in page.text
    monday = day - timedelta(days=day.weekday())
    assert re.findall(r'<th scope="row">([^<]+)</th>', page.text) == [monday.isoformat()]
    assert "/dashboard/drift" in client.get("/dashboard").text


def test_all_knees_are_counted_once_an_hour_and_again_on_another_day(store: Store, graded: Graded) -> None:
    ticks = [0.0]
    last = LastWatch(clock=lambda: ticks[0])
    monday = datetime(2100, 1, 4, 12, tzinfo=UTC)  # what was graded lies in a complete week
    first = last.of(store, monday)
    (week,) = first.watched.weeks
    assert sum(week.grades) == 2
    with store.sessions.writing.begin() as connection:
        connection.execute(text("UPDATE worklist_lines SET day = NULL"))
    ticks[0] = 3599.0
    assert last.of(store, monday + timedelta(hours=1)) is first
    ticks[0] = 3600.0
    assert last.of(store, monday + timedelta(hours=1)).watched.weeks == ()
    with store.sessions.writing.begin() as connection:
        connection.execute(text("UPDATE worklist_lines SET day = '2026-01-01'"))
    assert last.of(store, monday + timedelta(hours=2)).watched.weeks == ()
    assert len(last.of(store, monday + timedelta(days=1)).watched.weeks) == 1
