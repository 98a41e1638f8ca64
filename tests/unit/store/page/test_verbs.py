"""The store's verbs for the page: users and their secrets, rate limits, the audit log, readings, uploads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koa_worker.store import Role, State, Store, UploadRecord
from koa_worker.values import Arrival, Side
from tests.make import Clock

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    """It stands still until a test puts it forward."""
    return Clock(datetime(2026, 6, 1, 12, tzinfo=UTC))


def test_the_order_of_roles() -> None:
    assert [[mine.may(other) for other in Role] for mine in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_user_comes_and_goes(store: Store) -> None:
    assert not store.accounts.has_users()
    assert store.accounts.add_user("anna", Role.READ, "hash")
    assert not store.accounts.add_user("anna", Role.ADMIN, "other")
    assert store.accounts.has_users()
    user = store.accounts.find_user("anna")
    assert user is not None
    assert (user.role, user.password) == (Role.READ, "hash")
    assert "hash" not in repr(user)
    assert store.accounts.remove_user("anna")
    assert not store.accounts.remove_user("anna")
    assert not store.accounts.has_users()
    assert store.accounts.find_user("anna") is None
    assert store.accounts.add_user("anna", Role.VIEW, "new")
    assert [(user.name, user.role) for user in store.accounts.users()] == [("anna", Role.VIEW)]


def test_a_login_lasts_so_long(store: Store, clock: Clock) -> None:
    store.accounts.add_user("anna", Role.READ, "hash")
    assert store.accounts.log_in("anna", "s1", DAY)
    assert not store.accounts.log_in("nobody", "s2", DAY)
    found = store.accounts.logged_in("s1")
    assert found is not None
    assert found.name == "anna"
    assert store.accounts.logged_in("s2") is None
    clock.now += DAY
    assert store.accounts.logged_in("s1") is None


@pytest.mark.parametrize("ending", ["log_out", "log_out_everywhere", "remove_user", "change_password"])
def test_what_ends_a_login(store: Store, ending: str) -> None:
    store.accounts.add_user("anna", Role.READ, "hash")
    store.accounts.add_user("boris", Role.READ, "hash")
    for name, secret in (("anna", "s1"), ("anna", "s2"), ("boris", "s3")):
        store.accounts.log_in(name, secret, DAY)
    {
        "log_out": lambda: store.accounts.log_out("s1"),
        "log_out_everywhere": lambda: store.accounts.log_out_everywhere("anna"),
        "remove_user": lambda: store.accounts.remove_user("anna"),
        "change_password": lambda: store.accounts.change_password("anna", "new"),
    }[ending]()
    assert store.accounts.logged_in("s1") is None
    assert (store.accounts.logged_in("s2") is None) == (ending != "log_out")
    assert store.accounts.logged_in("s3") is not None


def test_a_token_is_good_until_its_time_or_its_removal(store: Store, clock: Clock) -> None:
    store.accounts.add_user("anna", Role.READ, "hash")
    assert store.accounts.add_token("anna", "nightly", "t1", DAY)
    assert store.accounts.add_token("anna", "for good", "t2", None)
    assert not store.accounts.add_token("nobody", "x", "t3", None)
    assert store.accounts.shown_token("t1") is not None
    clock.now += DAY
    assert store.accounts.shown_token("t1") is None
    assert store.accounts.shown_token("t2") is not None
    nightly, for_good = store.accounts.tokens("anna")
    assert (nightly.purpose, nightly.until) == ("nightly", clock.now)
    store.accounts.add_user("boris", Role.ADMIN, "hash")
    assert not store.accounts.remove_token("boris", for_good.id)
    assert store.accounts.remove_token("anna", for_good.id)
    assert store.accounts.shown_token("t2") is None


def test_a_ration_is_used_up_and_grows_again(store: Store, clock: Clock) -> None:
    assert [store.rate_limits.use("k", 3, MINUTE) for _ in range(4)] == [timedelta(0)] * 3 + [MINUTE / 3]
    assert store.rate_limits.use("other", 3, MINUTE) == timedelta(0)
    clock.now += MINUTE / 3
    assert not store.rate_limits.use("k", 3, MINUTE)
    assert store.rate_limits.use("k", 3, MINUTE)
    store.rate_limits.give_back("k")
    assert not store.rate_limits.use("k", 3, MINUTE)


def test_a_restart_gives_no_ration_back(url: str, clock: Clock) -> None:
    for _ in range(3):
        with Store.open(url, clock=clock) as store:
            assert not store.rate_limits.use("k", 3, MINUTE)
    with Store.open(url, clock=clock) as store:
        assert store.rate_limits.use("k", 3, MINUTE)


@settings(max_examples=20, deadline=None)  # each makes a database
@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60), st.integers(1, 5))
def test_no_window_holds_more_than_two_rations(pauses: list[float], most: int) -> None:
    clock = Clock(datetime(2026, 6, 1, 12, tzinfo=UTC))
    with Store.open("sqlite:///:memory:", clock=clock) as store:
        admitted = []
        for pause in pauses:
            clock.now += timedelta(seconds=pause)
            if not store.rate_limits.use("k", most, MINUTE):
                admitted.append(clock.now)
    for start in admitted:
        assert sum(start <= moment < start + MINUTE for moment in admitted) <= 2 * most


def test_the_trail_is_read_newest_first_in_pages(store: Store) -> None:
    for number in range(5):
        store.audit.note("anna" if number % 2 else "boris", "study", f"s{number}", address="127.0.0.1")
    first = store.audit.entries(limit=3)
    assert [entry.subject for entry in first] == ["s4", "s3", "s2"]
    assert [entry.subject for entry in store.audit.entries(before=first[-1].id)] == ["s1", "s0"]
    assert [entry.subject for entry in store.audit.entries(who="anna")] == ["s3", "s1"]
    assert [entry.who for entry in store.audit.entries(subject="s2")] == ["boris"]


def test_readings_are_added_and_never_changed(
    store: Store, grade: Callable[..., tuple[str, str]], make: object
) -> None:
    file_id, study = grade("a")
    assert store.reader_grades.record(file_id, 0, reader="anna", kl=3, comment="osteophytes")
    assert store.reader_grades.record(file_id, 0, reader="anna", kl=2, comment="")
    assert store.reader_grades.record(file_id, 0, reader="boris", kl=4, comment="")
    assert not store.reader_grades.record(file_id, 1, reader="boris", kl=4, comment="")
    assert not store.reader_grades.record("nothing", 0, reader="boris", kl=4, comment="")
    said = store.reader_grades.readings(study)
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
        store.reader_grades.record(file_id, 0, reader="anna", kl=kl, comment="")
    matrix = store.reader_grades.agreement()["anna", None]
    assert (matrix[2][2], matrix[1][2], sum(map(sum, matrix))) == (1, 1, 2)


def test_an_upload_is_followed_to_its_result(store: Store, make: object, now: datetime) -> None:
    arrival = make.arrival("a")  # type: ignore[attr-defined]
    upload = UploadRecord("u1", arrival.sha256, 1, "Ivanova.dcm", "upload-u1.dcm", "anna", store.uploads.now())
    store.uploads.record(upload)
    assert store.uploads.find("nothing") is None
    assert store.uploads.find("u1") == upload
    assert store.uploads.waiting() == 1
    claimed = Arrival(arrival.path, arrival.sha256, 1, "upload-u1.dcm")
    store.files.add_arrival(claimed, now)
    assert store.uploads.waiting() == 0
    store.files.start(claimed.id, "w")
    store.files.complete(claimed.id, make.completed(claimed), "d1", "1.0", "done/x")  # type: ignore[attr-defined]
    found = store.uploads.find("u1")
    assert found is not None
    assert found.file is not None
    assert (found.file.id, found.file.state, found.is_duplicate) == (claimed.id, State.COMPLETED, False)
    again = UploadRecord("u2", arrival.sha256, 1, "copy.dcm", "upload-u2.dcm", "anna", store.uploads.now())
    store.uploads.record(again)
    store.files.add_arrival(Arrival(arrival.path, arrival.sha256, 1, "upload-u2.dcm"), now)
    twin = store.uploads.find("u2")
    assert twin is not None
    assert twin.file is not None
    assert (twin.file.id, twin.is_duplicate) == (claimed.id, True)
    assert "Ivanova" not in repr(twin)
