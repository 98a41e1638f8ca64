"""The page's side of the store: users and their secrets, rations, the audit trail, readings, uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koa_worker.store import Role, State, Store, UploadRecord
from koa_worker.store.engine import connect
from koa_worker.values import Arrival, Side

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(store: Store, url: str, clock: Clock) -> Iterator[Store]:
    """The same database by a clock that the test turns."""
    with Store(connect(url), clock) as opened:
        yield opened


def test_the_order_of_roles() -> None:
    assert [[mine.may(other) for other in Role] for mine in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_user_comes_and_goes(store: Store) -> None:
    assert not store.has_users()
    assert store.add_user("anna", Role.READ, "hash")
    assert not store.add_user("anna", Role.ADMIN, "other")
    assert store.has_users()
    user = store.find_user("anna")
    assert user is not None
    assert (user.role, user.password) == (Role.READ, "hash")
    assert "hash" not in repr(user)
    assert store.remove_user("anna")
    assert not store.remove_user("anna")
    assert not store.has_users()
    assert store.find_user("anna") is None
    assert store.add_user("anna", Role.VIEW, "new")
    assert [(user.name, user.role) for user in store.users()] == [("anna", Role.VIEW)]


def test_a_login_lasts_so_long(timed: Store, clock: Clock) -> None:
    timed.add_user("anna", Role.READ, "hash")
    assert timed.log_in("anna", "s1", DAY)
    assert not timed.log_in("nobody", "s2", DAY)
    found = timed.logged_in("s1")
    assert found is not None
    assert found.name == "anna"
    assert timed.logged_in("s2") is None
    clock.now += DAY
    assert timed.logged_in("s1") is None


@pytest.mark.parametrize("ending", ["log_out", "log_out_everywhere", "remove_user", "change_password"])
def test_what_ends_a_login(store: Store, ending: str) -> None:
    store.add_user("anna", Role.READ, "hash")
    store.add_user("boris", Role.READ, "hash")
    for name, secret in (("anna", "s1"), ("anna", "s2"), ("boris", "s3")):
        store.log_in(name, secret, DAY)
    {
        "log_out": lambda: store.log_out("s1"),
        "log_out_everywhere": lambda: store.log_out_everywhere("anna"),
        "remove_user": lambda: store.remove_user("anna"),
        "change_password": lambda: store.change_password("anna", "new"),
    }[ending]()
    assert store.logged_in("s1") is None
    assert (store.logged_in("s2") is None) == (ending != "log_out")
    assert store.logged_in("s3") is not None


def test_a_token_is_good_until_its_time_or_its_removal(timed: Store, clock: Clock) -> None:
    timed.add_user("anna", Role.READ, "hash")
    assert timed.add_token("anna", "nightly", "t1", DAY)
    assert timed.add_token("anna", "for good", "t2", None)
    assert not timed.add_token("nobody", "x", "t3", None)
    assert timed.shown_token("t1") is not None
    clock.now += DAY
    assert timed.shown_token("t1") is None
    assert timed.shown_token("t2") is not None
    nightly, for_good = timed.tokens("anna")
    assert (nightly.purpose, nightly.until) == ("nightly", clock.now)
    timed.add_user("boris", Role.ADMIN, "hash")
    assert not timed.remove_token("boris", for_good.id)
    assert timed.remove_token("anna", for_good.id)
    assert timed.shown_token("t2") is None


def test_a_ration_is_used_up_and_grows_again(timed: Store, clock: Clock) -> None:
    assert [timed.use_ration("k", 3, MINUTE) for _ in range(4)] == [timedelta(0)] * 3 + [MINUTE / 3]
    assert timed.use_ration("other", 3, MINUTE) == timedelta(0)
    clock.now += MINUTE / 3
    assert not timed.use_ration("k", 3, MINUTE)
    assert timed.use_ration("k", 3, MINUTE)
    timed.give_back_ration("k")
    assert not timed.use_ration("k", 3, MINUTE)


def test_a_restart_gives_no_ration_back(url: str, clock: Clock) -> None:
    Store.open(url).close()
    for _ in range(3):
        with Store(connect(url), clock) as store:
            assert not store.use_ration("k", 3, MINUTE)
    with Store(connect(url), clock) as store:
        assert store.use_ration("k", 3, MINUTE)


@settings(max_examples=20, deadline=None)  # each makes a database
@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60), st.integers(1, 5))
def test_no_window_holds_more_than_two_rations(pauses: list[float], most: int) -> None:
    clock = Clock()
    with Store.open("sqlite:///:memory:") as store:
        store._clock = clock
        admitted = []
        for pause in pauses:
            clock.now += timedelta(seconds=pause)
            if not store.use_ration("k", most, MINUTE):
                admitted.append(clock.now)
    for start in admitted:
        assert sum(start <= moment < start + MINUTE for moment in admitted) <= 2 * most


def test_the_trail_is_read_newest_first_in_pages(store: Store) -> None:
    for number in range(5):
        store.note_deed("anna" if number % 2 else "boris", "study", f"s{number}", address="127.0.0.1")
    first = store.deeds(limit=3)
    assert [deed.subject for deed in first] == ["s4", "s3", "s2"]
    assert [deed.subject for deed in store.deeds(before=first[-1].id)] == ["s1", "s0"]
    assert [deed.subject for deed in store.deeds(who="anna")] == ["s3", "s1"]
    assert [deed.who for deed in store.deeds(subject="s2")] == ["boris"]


def test_readings_are_added_and_never_changed(
    store: Store, grade: Callable[..., tuple[str, str]], make: object
) -> None:
    file_id, study = grade("a")
    assert store.record_reading(file_id, 0, reader="anna", kl=3, comment="osteophytes")
    assert store.record_reading(file_id, 0, reader="anna", kl=2, comment="")
    assert store.record_reading(file_id, 0, reader="boris", kl=4, comment="")
    assert not store.record_reading(file_id, 1, reader="boris", kl=4, comment="")
    assert not store.record_reading("nothing", 0, reader="boris", kl=4, comment="")
    said = store.readings(study)
    assert [(row.reader, row.kl, row.machine_kl, row.side) for row in said] == [
        ("anna", 3, 2, Side.LEFT),
        ("anna", 2, 2, Side.LEFT),
        ("boris", 4, 2, Side.LEFT),
    ]
    assert "osteophytes" not in repr(said[0])


def test_agreement_counts_each_reader_s_last_word_on_a_knee(
    store: Store, grade: Callable[..., tuple[str, str]]
) -> None:
    first, _ = grade("a")
    second, _ = grade("b", study_uid="1.2.4")
    for file_id, kl in ((first, 3), (first, 2), (second, 1)):
        store.record_reading(file_id, 0, reader="anna", kl=kl, comment="")
    matrix = store.agreement()["anna"]
    assert (matrix[2][2], matrix[1][2], sum(map(sum, matrix))) == (1, 1, 2)


def test_an_upload_is_followed_to_its_result(store: Store, make: object, now: datetime) -> None:
    arrival = make.arrival("a")  # type: ignore[attr-defined]
    upload = UploadRecord("u1", arrival.sha256, 1, "Ivanova.dcm", "upload-u1.dcm", "anna", store.now())
    store.record_upload(upload)
    assert store.find_upload("nothing") is None
    assert store.find_upload("u1") == upload
    assert store.uploads_waiting() == 1
    claimed = Arrival(arrival.path, arrival.sha256, 1, "upload-u1.dcm")
    store.add_arrival(claimed, now)
    assert store.uploads_waiting() == 0
    store.start(claimed.id, "w")
    store.complete(claimed.id, make.completed(claimed), "d1", "1.0", "done/x")  # type: ignore[attr-defined]
    found = store.find_upload("u1")
    assert found is not None
    assert found.file is not None
    assert (found.file.id, found.file.state, found.is_duplicate) == (claimed.id, State.COMPLETED, False)
    again = UploadRecord("u2", arrival.sha256, 1, "copy.dcm", "upload-u2.dcm", "anna", store.now())
    store.record_upload(again)
    store.add_arrival(Arrival(arrival.path, arrival.sha256, 1, "upload-u2.dcm"), now)
    twin = store.find_upload("u2")
    assert twin is not None
    assert twin.file is not None
    assert (twin.file.id, twin.is_duplicate) == (claimed.id, True)
    assert "Ivanova" not in repr(twin)
