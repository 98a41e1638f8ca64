"""The parts of every page."""

import pytest
from flask.testing import FlaskClient

from koa_worker import RESEARCH_NOTICE


@pytest.mark.parametrize("path", ["/", "/dashboard", "/dashboard/drift"])
def test_every_page_says_what_it_is_for_and_loads_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert RESEARCH_NOTICE in answer.text
    assert "There are no users yet" in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_another_site_s_name_for_this_machine_is_refused(client: FlaskClient) -> None:
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 403


def test_an_unknown_study_is_not_found(client: FlaskClient) -> None:
    assert client.get("/studies/0").status_code == 404
