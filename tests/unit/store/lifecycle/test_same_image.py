"""The same image from several files: which of them counts, in whatever order they come and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from koa_worker.store import EncodedResult, State, Store, encode
from koa_worker.store.database.engine import connect
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.values import Arrival, Fingerprint, Patient

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
P1 = Patient("Ivanova Anna", "P-17", date(1950, 2, 1), "F")
P2 = Patient("Petrova Anna", "P-18", date(1950, 2, 1), "F")


class Sender:
    """Sends files of images, each with its pixels and header, and ends them when asked."""

    def __init__(self, store: Store, make: Any) -> None:
        self.store, self.make = store, make
        self.count = 0

    def begin(self, image: str, header: str = "h1", **said: Any) -> tuple[Arrival, EncodedResult]:
        self.count += 1
        arrival = self.make.arrival(f"{image} {header} {self.count}")
        self.store.files.add_arrival(arrival, NOW + timedelta(seconds=self.count))
        assert self.store.files.start(arrival.id, "w")
        made = self.make.graded(arrival, sop_uid=f"1.2.3.{image[0]}", **said)
        prints = Fingerprint(f"pixels of {image}", f"display of {image}", header)
        radiograph = replace(made.radiograph, fingerprint=prints)
        return arrival, encode(replace(made, radiograph=radiograph))

    def end(self, arrival: Arrival, result: EncodedResult, model: str = "d1") -> str:
        record = self.store.files.complete(arrival.id, result, model, "1.0", f"done/{arrival.id}").record
        return record.id

    def send(self, image: str, header: str = "h1", **said: Any) -> str:
        return self.end(*self.begin(image, header, **said))

    def state(self, file_id: str) -> tuple[State, str | None]:
        record = self.store.files.find(file_id)
        assert record is not None
        return record.state, record.duplicate_of

    def source(self, file_id: str) -> str:
        record = self.store.files.source(file_id)
        assert record is not None
        return record.id

    def patient(self) -> str:
        return self.store.studies.content(self.key()).patient.name

    def differing(self) -> list[bool]:
        return [image.patient_differs for image in self.store.studies.content(self.key()).images]

    def key(self) -> str:
        (key,) = {row.study_key for row in self.store.worklist.page(Wanted()).rows if row.study_key}
        return key


@pytest.fixture
def sender(store: Store, make: Any) -> Sender:
    return Sender(store, make)


def test_the_same_image_again_is_a_duplicate(sender: Sender) -> None:
    first = sender.send("a")
    again = sender.send("a")
    assert sender.state(again) == (State.DUPLICATE, first)
    assert sender.source(first) == first
    assert sender.store.reports.due() == (sender.key(),)
    assert [event.kind for event in sender.store.files.events(first)] == ["arrived", "started", "completed"]


def test_other_pixels_of_the_same_uid_are_a_conflict(sender: Sender) -> None:
    first, second = sender.send("a"), sender.send("a, retouched")
    assert sender.state(second) == (State.COMPLETED, None)
    images = sender.store.studies.content(sender.key()).images
    assert [image.conflicts_with for image in images] == [None, first]


def test_of_two_workers_the_file_that_came_last_counts(sender: Sender) -> None:
    earlier, later = sender.begin("a", "h1", patient=P1), sender.begin("a", "h2", patient=P2)
    first = sender.end(*later)
    second = sender.end(*earlier)
    assert sender.state(second) == (State.DUPLICATE, first)
    assert (sender.source(first), sender.patient()) == (first, P2.name)


def test_a_later_header_is_the_one_that_counts(sender: Sender) -> None:
    first = sender.send("a", "h1", patient=P1)
    second = sender.send("a", "h2", patient=P2)
    assert sender.state(second) == (State.DUPLICATE, first)
    assert (sender.source(first), sender.patient()) == (second, P2.name)
    third = sender.send("a", "h1", patient=P1)
    assert (sender.source(first), sender.patient()) == (third, P1.name)


def test_bytes_are_known_while_they_are_those_of_an_image(sender: Sender) -> None:
    old, result = sender.begin("a", "h1")
    first = sender.end(old, result)
    new, result = sender.begin("a", "h2")
    sender.end(new, result)
    again = sender.store.files.add_arrival(replace(new, id="again"), NOW)
    assert (again.state, again.is_duplicate_of, again.original_state) == (State.DUPLICATE, first, State.COMPLETED)
    assert sender.store.files.add_arrival(replace(old, id="back"), NOW).state is State.WAITING


def test_a_regrade_of_what_is_not_the_source_any_more_comes_too_late(sender: Sender) -> None:
    old, result = sender.begin("a", "h1", patient=P1)
    first = sender.end(old, result)
    later, news = sender.begin("a", "h2", patient=P2)
    second = sender.end(later, news)
    sender.end(old, result, model="d2")
    assert sender.store.files.to_regrade("d1") == ()
    assert (sender.source(first), sender.patient()) == (second, P2.name)
    sender.end(later, news, model="d2")
    assert sender.store.files.to_regrade("d2") == ()
    assert len(sender.store.studies.content(sender.key()).images) == 1


def test_a_patient_is_corrected_when_no_image_says_otherwise(sender: Sender) -> None:
    for image in "abc":
        sender.send(image, patient=P1)
    sender.send("a", "h2", patient=P2)
    assert (sender.patient(), sender.differing()) == (P1.name, [True, False, False])
    sender.send("c", "h2", patient=P2)
    assert (sender.patient(), sender.differing()) == (P1.name, [True, False, True])
    sender.send("b", "h2", patient=P2)
    assert (sender.patient(), sender.differing()) == (P2.name, [False, False, False])


def test_a_header_that_names_nobody_takes_no_name_away(sender: Sender) -> None:
    sender.send("a", patient=P1)
    sender.send("a", "h2", patient=Patient())
    assert (sender.patient(), sender.differing()) == (P1.name, [False])


def test_a_study_is_found_by_its_new_name_and_not_by_its_old_one(sender: Sender) -> None:
    sender.send("a", patient=P1)
    sender.send("a", "h2", patient=P2)

    def found(text: str) -> int:
        return len(sender.store.worklist.page(Wanted(text=text), may_see_patients=True).rows)

    assert (found("petrova"), found("ivanova"), found("p-17")) == (2, 0, 0)


def test_history_keeps_what_a_header_said_and_events_tell_none_of_it(sender: Sender, url: str) -> None:
    first = sender.send("a", patient=P1)
    second = sender.send("a", "h2", patient=P2)
    (told,) = [event.detail for event in sender.store.files.events(first) if event.kind == "updated"]
    assert told == f"by {second}: patient_name, patient_id"
    engine = connect(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT file_id, patient_name, patient_id FROM headers")).all()
    engine.dispose()
    assert {tuple(row) for row in rows} == {(first, P1.name, P1.id), (second, P2.name, P2.id)}


@pytest.mark.parametrize(
    ("image", "later", "told"),
    [("9", True, False), ("b", True, True), ("9", False, True)],
    ids=["its image", "another image", "an image that came before"],
)
def test_a_rejected_file_is_told_of_until_its_image_is_graded(
    sender: Sender, image: str, later: bool, told: bool
) -> None:
    """With LATERAL corrected to PA, for example, the study has one image, and nothing in it is without a grade."""
    if not later:
        sender.send(image)
    arrival, _ = sender.begin("9", "said LATERAL")
    sender.store.files.reject(arrival.id, sender.make.rejected(arrival, study_uid="1.2.3"), "rejected/9")
    if later:
        sender.send(image)
    rejected = [reject.file_id for reject in sender.store.studies.content(sender.key()).rejected]
    assert rejected == ([arrival.id] if told else [])


@pytest.fixture
def forget_digests(url: str) -> Callable[[], None]:
    """Makes the store as if an earlier version had filled it."""

    def forget() -> None:
        engine = connect(url)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE images SET pixels_digest = '', shown_digest = '', header_digest = ''"))
            connection.execute(sa.text("DELETE FROM headers"))
        engine.dispose()

    return forget


def test_an_image_without_digests_is_known_by_its_bytes_only(
    sender: Sender, forget_digests: Callable[[], None]
) -> None:
    old, result = sender.begin("a")
    first = sender.end(old, result)
    forget_digests()
    assert sender.store.files.add_arrival(replace(old, id="again"), NOW).is_duplicate_of == first
    second = sender.send("a", "h2")
    assert sender.state(second) == (State.COMPLETED, None)
    sender.end(old, result, model="d2")  # graded again, it has digests
    third = sender.send("a", "h3")
    assert sender.state(third) == (State.DUPLICATE, first)


def test_an_image_whose_header_was_not_kept_says_what_its_study_says(
    sender: Sender, forget_digests: Callable[[], None]
) -> None:
    sender.send("a", patient=P1)
    forget_digests()
    sender.send("b", patient=P1)
    sender.send("b", "h2", patient=P2)
    assert (sender.patient(), sender.differing()) == (P1.name, [False, True])
