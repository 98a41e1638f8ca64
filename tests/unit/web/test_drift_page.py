"""The page about the weeks shows each that is over; the weeks that a device had stand apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import text

from koa_worker.store import Store
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
