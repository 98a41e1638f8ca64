"""Blind readers: no answer of the model or another reader is sent before their own reading of all knees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Store

Enter = Callable[[str], Any]

# What the study of `graded` says: its grades, a reason for review, a probability, another reader's comment.
ANSWERS = (
    *(
        "KL&nbsp;2",
        "KL&nbsp;3",
        "KL 2",
        "KL 3",
        '"kl":',
        "Borderline",
        "flagged",
        "50.0",
        "50\u00a0%",
        "Osteoarthritis",
    ),
    *("heat.png", "data-model", "polyline", "needs_review", "said secretly"),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = Config.model_validate({"limits": {"min_free_mb": 0}, "web": {"blind_readers": ["anna"]}}).below(tmp_path)
    prepare_folders(settings.folders)
    return settings


@pytest.fixture
def read_by_boris(graded: Any, store: Store, tmp_path: Path) -> Any:
    """A study with a reading of somebody else, and with a report."""
    for position in (0, 1):
        store.reader_grades.record(graded.file_id, position, reader="boris", kl=4, comment="said secretly")
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))
    return graded


def _addresses(app: Flask, graded: Any) -> list[str]:
    """Every address of the application that can be asked for, of this study where it names one."""
    known = {"key": graded.key, "file_id": graded.file_id, "position": 1, "upload_id": "0" * 32, "name": "ada"}
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.endpoint != "static"]
    found = [re.sub(r"<(?:\w+:)?(\w+)>", lambda name: str(known[name[1]]), rule.rule) for rule in rules]
    assert len(found) > 20
    return [*found, f"/studies/{graded.key}?read=unread&days=7", "/?state=completed"]


def _told(browser: Any, addresses: list[str]) -> dict[str, list[str]]:
    """The answers that each URL shows."""
    told = {}
    for path in addresses:
        answer = browser.get(path)
        if answer.mimetype.startswith(("text/", "application/json")) and not path.endswith("openapi.json"):
            told[path] = [word for word in ANSWERS if word in answer.text]
        elif answer.status_code == 200:
            told[path] = [answer.mimetype] if re.search("pdf|zip|heat", path) else []
    return {path: words for path, words in told.items() if words}


def test_no_address_tells_a_blind_reader_anything(read_by_boris: Any, app: Flask, logged_in: Enter) -> None:
    addresses = _addresses(app, read_by_boris)
    assert _told(logged_in("anna"), addresses) == {}
    told = _told(logged_in("ada"), addresses)  # the words are what somebody else is told
    where, api = f"/studies/{read_by_boris.key}", f"/api/v1/studies/{read_by_boris.key}"
    assert {"/", where, f"{where}/report.pdf", api, "/api/v1/results", "/agreement"} <= set(told)


@pytest.mark.parametrize("filters", ["kl=3", "review=yes", "first=review", "sort=right", "sort=-left", "sort=review"])
def test_a_filter_by_an_answer_is_refused(read_by_boris: Any, logged_in: Enter, filters: str) -> None:
    anna = logged_in("anna")
    for path in (f"/?{filters}", f"/next?{filters}", f"/studies/{read_by_boris.key}?{filters}"):
        assert anna.get(path).status_code == 400, path
    assert logged_in("ada").get(f"/?{filters}").status_code == 200


def test_answers_come_after_the_last_knee_and_the_readings_are_blind(
    read_by_boris: Any, logged_in: Enter, users: Store
) -> None:
    anna, where = logged_in("anna"), f"/studies/{read_by_boris.key}"

    def read(knee: str, kl: str) -> str:
        form = {"file": read_by_boris.file_id, "knee": knee, "kl": kl, "comment": ""}
        return str(anna.post(f"{where}/readings", of="/", **form).location)

    half = anna.get(read("0", "1")).text
    assert "1 left" in half
    assert "KL&nbsp;1" in half  # the own one
    assert not [word for word in ANSWERS if word in half]
    assert anna.get(f"{where}/report.pdf").status_code == 403
    whole = anna.get(read("1", "1")).text
    assert {"KL&nbsp;2", "KL&nbsp;3", "said secretly", "data-model"} <= {word for word in ANSWERS if word in whole}
    assert anna.get(f"{where}/report.pdf").status_code == 200
    assert "KL&nbsp;3" in anna.get("/").text
    read("1", "3")
    readings = [one for one in users.reader_grades.readings(read_by_boris.key) if one.reader == "anna"]
    assert [(one.position, one.kl, one.blind) for one in readings] == [(0, 1, True), (1, 1, True), (1, 3, False)]


def test_withdrawing_hides_nothing_again_and_what_comes_after_is_not_blind(
    read_by_boris: Any, logged_in: Enter, users: Store
) -> None:
    anna, where = logged_in("anna"), f"/studies/{read_by_boris.key}"
    for knee in ("0", "1", "1"):
        anna.post(f"{where}/readings", of="/", file=read_by_boris.file_id, knee=knee, kl="1")
    numbers = [one.id for one in users.reader_grades.readings(read_by_boris.key) if one.reader == "anna"]
    for number in numbers:
        anna.post(f"{where}/readings/{number}/withdraw", of="/")
    assert "said secretly" in anna.get(where).text
    anna.post(f"{where}/readings", of="/", file=read_by_boris.file_id, knee="0", kl="2")
    (last,) = [one for one in users.reader_grades.readings(read_by_boris.key) if one.reader == "anna"]
    assert last.blind is False


def test_who_saw_the_answers_before_reads_without_them_but_not_blind(
    read_by_boris: Any, logged_in: Enter, users: Store
) -> None:
    users.audit.note("anna", "report", read_by_boris.key)
    anna, where = logged_in("anna"), f"/studies/{read_by_boris.key}"
    page = anna.get(where).text
    assert "do not count as blind" in page
    assert not [word for word in ANSWERS if word in page]
    anna.post(f"{where}/readings", of="/", file=read_by_boris.file_id, knee="0", kl="2")
    (own,) = [one for one in users.reader_grades.readings(read_by_boris.key) if one.reader == "anna"]
    assert own.blind is False


def test_others_are_not_blind(read_by_boris: Any, logged_in: Enter, users: Store) -> None:
    ada, where = logged_in("ada"), f"/studies/{read_by_boris.key}"
    assert "KL&nbsp;3" in ada.get(where).text
    ada.post(f"{where}/readings", of="/", file=read_by_boris.file_id, knee="0", kl="2")
    assert [one.blind for one in users.reader_grades.readings(read_by_boris.key)] == [None, None, False]


def test_agreement_keeps_blind_readings_apart(graded: Any, logged_in: Enter, users: Store) -> None:
    for reader, blind in (("anna", True), ("boris", True), ("carl", False), ("dora", None)):
        users.reader_grades.record(graded.file_id, 0, reader=reader, kl=2, comment="", blind=blind)
    page = logged_in("ada").get("/agreement").text
    places = [page.index(title) for title in ("Blind readings", "not blind", "not known whether")]
    assert places == sorted(places)
    blind, open_, unknown = page[: places[1]], page[places[1] : places[2]], page[places[2] :]
    assert "anna and boris" in blind
    assert "carl and the model" in open_
    assert "dora and the model" in unknown
    assert "all readers" not in open_


@pytest.mark.parametrize("do", ["csv", "json", "download"])
def test_chosen_rows_tell_nothing_before_they_are_read(
    read_by_boris: Any, logged_in: Enter, users: Store, do: str
) -> None:
    anna = logged_in("anna")
    assert anna.post("/chosen", of="/", study=read_by_boris.key, do=do).status_code == 403
    for position in (0, 1):
        users.reader_grades.record(read_by_boris.file_id, position, reader="anna", kl=2, comment="")
    with anna.post("/chosen", of="/", study=read_by_boris.key, do=do) as answer:
        assert answer.status_code == 200
