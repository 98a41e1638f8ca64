"""A store on a real database file, and the values that come to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koa_worker.store import EncodedResult, Store, encode
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    GradedKnee,
    KneeRoi,
    Patient,
    Rejected,
    ReviewCode,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
    Study,
)
from tests import make as shared
from tests.make import Clock
from tests.postgres import Server

DISAGREE = ReviewReason(ReviewCode.DISAGREEMENT, 1.0, 3.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of a database that is not there yet, or empty."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return server.database
    numbers = itertools.count()
    return lambda: f"sqlite:///{tmp_path}/work/koa{next(numbers) or ''}.sqlite3"


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    return new_url()


@pytest.fixture
def clock() -> Clock:
    """What the store takes for now."""
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with Store.open(url, clock=clock) as opened:
        yield opened


class Maker:
    """Makes what the stages before the store would."""

    PATIENT = Patient("Ivanova Anna", "P-17", date(1950, 2, 1), "F")

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    def arrival(self, content: str) -> Arrival:
        return shared.arrival(content, "Ivanova^Anna.dcm")

    def knee(self, kl: int, *, side: Side = Side.LEFT, x: int = 100, model: str = "net-v1") -> GradedKnee:
        grade = shared.grade(kl, agreement=0.75, reasons=(DISAGREE,) * (kl == 1), model=model)
        crop = self._random.integers(0, 256, (224, 224), np.uint8)
        return shared.knee(grade, KneeRoi(Box(x, -3, 400, 400), side), space=shared.joint_space(), crop=crop)

    def completed(self, arrival: Arrival, *knees: GradedKnee, **said: Any) -> EncodedResult:
        return encode(self.graded(arrival, *knees, **said))

    def graded(
        self,
        arrival: Arrival,
        *knees: GradedKnee,
        study_uid: str = "1.2.3",
        sop_uid: str | None = None,
        patient: Patient = PATIENT,
        shape: tuple[int, int] = (240, 200),
        taken: datetime | None = datetime(2026, 3, 1, 9, 30),
    ) -> Completed:
        study = Study(
            study_uid,
            sop_uid or f"{study_uid}.{arrival.sha256[:8]}",
            accession="A-1",
            description="Knees standing",
            date=taken,
            modality="DX",
            view="PA",
        )
        return shared.completed(
            arrival,
            *(knees or (self.knee(2),)),
            study=study,
            patient=patient,
            pixels=self._random.integers(0, 4096, shape, np.uint16),
            spacing=Spacing(0.15, 0.15, SpacingSource.DETECTOR),
            timings_ms={"read": 12.5, "grade": 3.25},
        )

    def rejected(self, arrival: Arrival, *, study_uid: str | None = None) -> Rejected:
        study = Study(study_uid, f"{study_uid}.9") if study_uid else None
        return Rejected(arrival, "no_knee", "2 profiles", study, self.PATIENT if study else None)


@pytest.fixture
def make() -> Maker:
    return Maker()


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def grade(store: Store, make: Maker) -> Callable[..., tuple[str, str]]:
    """Takes a file all the way: gives its id and its study's key."""

    def take(
        content: str, *knees: GradedKnee, digest: str = "d1", version: str = "1.0", **said: Any
    ) -> tuple[str, str]:
        arrival = make.arrival(content)
        store.files.add_arrival(arrival, NOW)
        assert store.files.start(arrival.id, "w")
        outcome = make.completed(arrival, *knees, **said)
        key = store.files.complete(arrival.id, outcome, digest, version, f"done/{arrival.id}.dcm").study_key
        assert key is not None
        return arrival.id, key

    return take
