"""The worklist's page: what it shows to whom, and that no patient gets into an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from koa_worker.store import State, Store
from koa_worker.web.filters import address_of, wanted_of

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
    page = anna.post("/", of="/", text="ivan kne", kl="3").text
    assert ("KL&nbsp;3</span>" in page, "KL&nbsp;2</span>" in page) == (True, False)
    assert "Nothing matches" in anna.post("/", of="/", text="petrov").text
    answer = anna.post("/", of="/", text=" ", kl="3", review="yes", first="review")
    assert (answer.status_code, answer.location) == (303, "/?kl=3&review=yes&first=review")
    assert "Ivanova" in anna.get("/?text=petrov").text  # words in an address are passed over
    assert "search" in {entry.action for entry in users.audit.entries()}


def test_pages_are_turned_with_their_filters(graded: Any, logged_in: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koa_worker.web.worklist.LINES", 1)
    anna = logged_in("anna")
    first = anna.get("/?state=completed&first=review")
    older = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "state=completed" in older
    assert "first=review" in older
    assert "KL&nbsp;3</span>" in first.text
    second = anna.get(older).text
    assert "KL&nbsp;2</span>" in second
    assert 'rel="next"' not in second
    found = anna.post("/", of="/", text="knees").text
    cursor = found.split('name="after" value="')[1].split('"')[0]
    assert "KL&nbsp;3</span>" in anna.post("/", of="/", text="knees", after=cursor).text


@pytest.mark.parametrize(
    "asked",
    ["kl=5", "kl=x", "state=gone", "side=up", "review=perhaps", "from=2026-02-30", "to=0001-01-01", "after=1.2"],
)
def test_a_filter_that_the_form_does_not_offer_is_refused(graded: Any, logged_in: Enter, asked: str) -> None:
    assert logged_in("anna").get(f"/?{asked}").status_code == 400


def test_an_address_never_holds_the_words() -> None:
    form = MultiDict([("text", "Ivanova"), ("state", "failed"), ("state", "rejected"), ("kl", ""), ("csrf", "x")])
    assert address_of(form) == {"state": ["failed", "rejected"]}
    assert wanted_of(form).states == {State.FAILED, State.REJECTED}
    assert wanted_of(form).text == "Ivanova"
    assert "Ivanova" not in repr(wanted_of(form))


def test_a_knee_without_a_grade_is_counted_beside_the_graded_ones(
    graded: Any, store: Store, refused_beside: Callable[[Store], None], logged_in: Enter
) -> None:
    anna = logged_in("anna")
    assert "mark part" not in anna.get("/").text
    refused_beside(store)
    assert anna.get("/").text.count("2 of 3 knees</span>") == 1  # once for the image, not for each knee


def test_a_rejected_image_says_how_many_knees_were_seen(
    graded: Any, store: Store, only_refused: Callable[[Store], str], logged_in: Enter
) -> None:
    only_refused(store)
    assert logged_in("anna").get("/").text.count("0 of 2 knees</span>") == 1
