"""The application on a real store, asked by Flask's client."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Store, encode
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    KneeRoi,
    Patient,
    RefusedKnee,
    Rejected,
    ReviewCode,
    ReviewReason,
    Role,
    Side,
    Study,
)
from koa_worker.web import create_app
from koa_worker.web.guard import passwords
from koa_worker.web.guard.passwords import Cost, hashed
from tests import make
from tests.make import Clock


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = Config.model_validate({"limits": {"min_free_mb": 0}}).below(tmp_path)
    prepare_folders(settings.folders)
    return settings


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once for all tests."""
    path = tmp_path_factory.mktemp("empty") / "koa.sqlite3"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def clock() -> Clock:
    """What the store takes for now."""
    return Clock()


@pytest.fixture
def store(config: Config, empty_database: Path, clock: Clock) -> Iterator[Store]:
    shutil.copy(empty_database, config.store.url.removeprefix("sqlite:///"))
    with Store.open(config.store.url, clock=clock) as opened:
        yield opened


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    made = create_app(config, store)
    made.testing = True
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


PASSWORD = "correct horse battery"
CHEAP = Cost(n=16, r=1, p=1)  # a hash that a test can wait for


@pytest.fixture(autouse=True)
def cheap_decoy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a guess at nobody's password should cost a test nothing."""
    kept = hashed("nobody's", CHEAP)
    monkeypatch.setattr(passwords, "_decoy", lambda: kept)


@pytest.fixture
def users(store: Store) -> Store:
    """anna may read, victor may view, admin may all; each with the same password."""
    for name, role in (("anna", Role.READ), ("victor", Role.VIEW), ("ada", Role.ADMIN)):
        store.accounts.add_user(name, role, hashed(PASSWORD, CHEAP))
    return store


class Browser:
    """Flask's client with what a browser does by itself: cookies, and the form's hidden token."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def token(self, path: str = "/login") -> str:
        found = re.search(r'name="csrf" content="([0-9a-f]+)"', self.get(path).text)
        assert found
        return found[1]

    def post(self, path: str, *, of: str = "/login", **form: str | list[str]) -> TestResponse:
        return self.client.post(path, data={"csrf": self.token(of), **form})

    def log_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/login", name=name, password=password)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def logged_in(app: Flask, users: Store) -> Callable[[str], Browser]:
    def enter(name: str) -> Browser:
        browser = Browser(app)
        assert browser.log_in(name).status_code == 303
        return browser

    return enter


@dataclass(frozen=True)
class Graded:
    """A study of one DICOM image with two knees, the left one to be reviewed, and a file that is no picture."""

    key: str
    file_id: str
    rejected_id: str
    revision: int  # of the report that is to be written


BORDERLINE = ReviewReason(ReviewCode.BORDERLINE, 0.47, 0.1)
NAME = 'Ivanova <b>Anna</b> "O\'Neil"'  # a name that is HTML


def completed(arrival: Arrival, refused: tuple[RefusedKnee, ...] = (), study_uid: str = "1.2") -> Completed:
    """A radiograph with two graded knees, and what was refused beside them."""
    study = Study(
        study_uid,
        f"{study_uid}.3",
        accession="A-1",
        description="Knees standing",
        date=datetime(2026, 3, 1, 9),
        view="PA",
    )
    pixels = np.random.default_rng(1).integers(0, 255, (300, 400), np.uint8)
    knees = (
        make.knee(
            make.grade(kl, (0.1, 0.1, 0.5, 0.2, 0.1), reasons=(BORDERLINE,) * at),
            KneeRoi(Box(20 + 200 * at, 80, 150, 150), side),
            crop=pixels[:224, :224],
        )
        for at, (kl, side) in enumerate(((2, Side.RIGHT), (3, Side.LEFT)))
    )
    patient = Patient(NAME, "P-17", date(1950, 2, 1), "F")
    return make.completed(arrival, *knees, study=study, patient=patient, pixels=pixels, refused=refused)


@pytest.fixture
def graded(store: Store) -> Graded:
    arrival, other = (Arrival(Path("x"), sha * 64, 9, "secret^name.dcm") for sha in ("a", "b"))
    for one in (arrival, other):
        store.files.add_arrival(one, datetime.now(UTC))
        store.files.start(one.id, "w")
    result = encode(completed(arrival))
    settled = store.files.complete(arrival.id, result, "d" * 64, "1.0", "done/x")
    store.files.reject(other.id, Rejected(other, "unknown_format", ""), "rejected/x")
    assert settled.study_key
    assert settled.revision
    return Graded(settled.study_key, arrival.id, other.id, settled.revision)


@pytest.fixture
def refused_beside() -> Callable[[Store], None]:
    """Grades another radiograph, in which a third knee has an implant."""

    def grade(store: Store) -> None:
        arrival = Arrival(Path("x"), "c" * 64, 9, "third.dcm")
        store.files.add_arrival(arrival, datetime.now(UTC))
        store.files.start(arrival.id, "w")
        refused = RefusedKnee(KneeRoi(Box(0, 0, 9, 9), Side.UNKNOWN), "implant")
        store.files.complete(arrival.id, encode(completed(arrival, (refused,))), "d" * 64, "1.0", "done/y")

    return grade


@pytest.fixture
def only_refused() -> Callable[[Store], str]:
    """Rejects a radiograph both of whose knees have an implant, and gives its study."""

    def reject(store: Store) -> str:
        arrival = Arrival(Path("x"), "e" * 64, 9, "fourth.dcm")
        store.files.add_arrival(arrival, datetime.now(UTC))
        store.files.start(arrival.id, "w")
        knees = tuple(
            RefusedKnee(KneeRoi(Box(x, 2, 9, 9), side), "implant") for x, side in zip((1, 20), Side, strict=False)
        )
        rejected = Rejected(arrival, "implant", "", Study("1.5", "1.5.6"), Patient(), knees)
        key = store.files.reject(arrival.id, rejected, "rejected/y").study_key
        assert key
        return key

    return reject
