"""The worklist's page: its content by role, and that no patient data are in a URL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from koa_worker.store import State, Store, encode
from koa_worker.values import Arrival
from koa_worker.web.filters import address_of, wanted_of
from tests.unit.web.conftest import completed

Enter = Callable[[str], Any]


def test_a_reader_sees_whose_knees_they_are_and_html_stays_text(graded: Any, logged_in: Enter) -> None:
    page = logged_in("anna").get("/").text
    assert "Ivanova &lt;b&gt;Anna&lt;/b&gt;" in page
    assert "<b>Anna" not in page
    for said in ("P-17", "Knees standing", "KL&nbsp;2", "KL&nbsp;3", "Borderline between KL 1", "not DICOM, PNG"):
        assert said in page, said
    assert page.index("Right") < page.index("Left", page.index("Right"))
    assert f"/studies/{graded.key}" in page
    assert f"/files/{graded.rejected_id}" in page
    assert "Send again" not in page  # there is no PACS


def test_a_viewer_sees_results_and_nobody_s_name(graded: Any, logged_in: Enter) -> None:
    victor = logged_in("victor")
    for path in ("/", f"/studies/{graded.key}", f"/files/{graded.file_id}", "/dashboard"):
        page = victor.get(path).text
        assert not [said for said in ("Ivanova", "P-17", "A-1", "standing", "secret", "1950") if said in page], path
    assert "KL&nbsp;3" in victor.get("/").text
    assert victor.get(f"/studies/{graded.key}/files/{graded.file_id}/frame.jpg").status_code == 403
    assert victor.get(f"/studies/{graded.key}/report.pdf").status_code == 403
    assert victor.get("/agreement").status_code == 403


def test_words_are_posted_and_filters_become_an_address(graded: Any, logged_in: Enter, users: Store) -> None:
    anna = logged_in("anna")
    found = anna.post("/", of="/", text="ivan kne", kl="3").location
    page = anna.get(found).text
    assert "ivan" not in found.lower()
    assert page.count('<div class="line flagged"') == 1  # one line with both knees
    assert ("KL&nbsp;3</span>" in page, "KL&nbsp;2</span>" in page) == (True, True)
    assert 'value="ivan kne"' in page
    assert "Nothing matches" in anna.get(anna.post("/", of="/", text="petrov").location).text
    answer = anna.post("/", of="/", text=" ", kl="3", review="yes", first="review")
    assert (answer.status_code, answer.location) == (303, "/?kl=3&review=yes&first=review")
    assert "Ivanova" in anna.get("/?text=petrov").text  # words in an address are passed over
    assert "Ivanova" in anna.get(found).text  # and Back finds it again
    assert "search" in {entry.action for entry in users.audit.entries()}


def test_pages_are_turned_with_their_filters(
    graded: Any, store: Store, logged_in: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koa_worker.web.worklist.LINES", 1)
    third = Arrival(Path("x"), "f" * 64, 9, "another.dcm")
    store.files.add_arrival(third, datetime.now(UTC) - timedelta(days=1))
    store.files.start(third.id, "w")
    store.files.complete(third.id, encode(completed(third, study_uid="1.9")), "d" * 64, "1.0", "done/z")
    anna = logged_in("anna")
    first = anna.get("/?state=completed&first=review")
    older = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "state=completed" in older
    assert "first=review" in older
    assert graded.key in first.text
    second = anna.get(older).text
    assert graded.key not in second
    assert "KL&nbsp;2</span>" in second
    assert 'rel="next"' not in second
    found = anna.get(anna.post("/", of="/", text="knees").location).text
    further = found.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert graded.key in found
    assert "KL&nbsp;3</span>" in anna.get(further).text


@pytest.mark.parametrize(
    "asked",
    [
        "kl=5",
        "kl=x",
        "state=gone",
        "side=up",
        "review=perhaps",
        "from=2026-02-30",
        "to=0001-01-01",
        "after=1.2",
        "days=0",
        "read=twice",
        "sort=name",
        "assigned=everyone",
    ],
)
def test_a_filter_that_the_form_does_not_offer_is_refused(graded: Any, logged_in: Enter, asked: str) -> None:
    assert logged_in("anna").get(f"/?{asked}").status_code == 400


def test_an_address_never_holds_the_words() -> None:
    form = MultiDict([("text", "Ivanova"), ("state", "failed"), ("state", "rejected"), ("kl", ""), ("csrf", "x")])
    assert address_of(form) == {"state": ["failed", "rejected"]}
    assert wanted_of(form).states == {State.FAILED, State.REJECTED}
    assert wanted_of(form).text == ""
    assert wanted_of(form, text=" Ivanova ").text == "Ivanova"
    assert "Ivanova" not in repr(wanted_of(form, text="Ivanova"))


def test_a_knee_without_a_grade_is_counted_beside_the_graded_ones(
    graded: Any, store: Store, refused_beside: Callable[[Store], None], logged_in: Enter
) -> None:
    anna = logged_in("anna")
    assert "mark part" not in anna.get("/").text
    refused_beside(store)
    assert anna.get("/").text.count("2 of 3 knees graded</span>") == 1  # once for the image, not for each knee


def test_a_rejected_image_says_how_many_knees_were_seen(
    graded: Any, store: Store, only_refused: Callable[[Store], str], logged_in: Enter
) -> None:
    only_refused(store)
    assert logged_in("anna").get("/").text.count("0 of 2 knees graded</span>") == 1


def test_an_open_page_is_told_only_what_has_changed(graded: Any, logged_in: Enter, users: Store) -> None:
    anna = logged_in("anna")
    first = anna.get("/")
    tag = first.headers["ETag"]
    assert tag.strip('"') in first.text

    def ask(who: Any, path: str = "/") -> int:
        return int(who.client.get(path, headers={"If-None-Match": tag}).status_code)

    assert ask(anna) == 304
    assert ask(anna, "/?kl=3") == 200
    assert ask(logged_in("ada")) == 200
    number = users.reader_grades.record(graded.file_id, 0, reader="boris", kl=2, comment="")
    assert number
    changed = anna.get("/")
    assert ask(anna) == 200
    assert "boris" in changed.text
    tag = changed.headers["ETag"]
    assert ask(anna) == 304
    users.reader_grades.withdraw(number, reader="boris")
    assert ask(anna) == 200


def test_words_are_found_again_only_by_who_searched(graded: Any, logged_in: Enter) -> None:
    found = logged_in("anna").post("/", of="/", text="ivan").location
    page = logged_in("ada").get(found).text
    assert "no longer knows what was searched for" in page
    assert "Ivanova" not in page


def test_the_list_is_filtered_by_who_has_read(graded: Any, logged_in: Enter, users: Store) -> None:
    anna = logged_in("anna")

    def shows(said: str) -> bool:
        return graded.key in anna.get(f"/?read={said}").text

    assert [shows(said) for said in ("unread", "nobody", "done")] == [True, True, False]
    for position in (0, 1):
        users.reader_grades.record(graded.file_id, position, reader="boris", kl=2, comment="")
    assert [shows(said) for said in ("unread", "nobody", "done")] == [True, False, False]
    assert "boris 1" not in anna.get("/").text
    for position in (0, 1):
        users.reader_grades.record(graded.file_id, position, reader="anna", kl=2, comment="")
    assert [shows(said) for said in ("unread", "nobody", "done")] == [False, False, True]
    assert anna.get("/next").location == "/"
    assert anna.get("/?days=1").text.count(f"/studies/{graded.key}") == 1
