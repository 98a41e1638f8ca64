"""A store on a real database file, and the values that come to it."""

from __future__ import annotations

import hashlib
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
    Compartment,
    CompartmentName,
    Completed,
    Grade,
    GradedKnee,
    Heatmap,
    JointSpace,
    KneeRoi,
    Patient,
    Radiograph,
    Rejected,
    ReviewCode,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
    Study,
)
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
        digest = hashlib.sha256(content.encode()).hexdigest()
        return Arrival(Path("claimed"), digest, len(content), "Ivanova^Anna.dcm")

    def grade(self, kl: int, model: str = "net-v1") -> Grade:
        others = (1 - 0.6) / 4
        probabilities = [0.6 if grade == kl else others for grade in range(5)]
        sure = (probabilities[0], probabilities[1], probabilities[2], probabilities[3], probabilities[4])
        return Grade(kl, sure, 0.6, sum(probabilities[2:]), 0.75, (DISAGREE,) * (kl == 1), model)

    def joint_space(self) -> JointSpace:
        """A clear left compartment and one whose margins are not."""
        line = ((100.5, 200.25), (120.0, 201.5))
        medial = Compartment(CompartmentName.MEDIAL, True, 0.03, 0.05, 2.25, 3.5, line, line[::-1])
        lateral = Compartment(CompartmentName.LATERAL, False, None, None, None, None, line, line)
        return JointSpace((medial, lateral), SpacingSource.DETECTOR, 401.5)

    def knee(self, kl: int, *, side: Side = Side.LEFT, x: int = 100, model: str = "net-v1") -> GradedKnee:
        return GradedKnee(
            KneeRoi(Box(x, -3, 400, 400), side),
            self._random.integers(0, 256, (224, 224), np.uint8),
            self.grade(kl, model),
            Heatmap(self._random.random((7, 7), np.float32), kl),
            self.joint_space(),
        )

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
    ) -> Completed:
        study = Study(
            study_uid,
            sop_uid or f"{study_uid}.{arrival.sha256[:8]}",
            accession="A-1",
            description="Knees standing",
            date=datetime(2026, 3, 1, 9, 30),
            modality="DX",
            view="PA",
        )
        radiograph = Radiograph(
            self._random.integers(0, 4096, shape, np.uint16),
            "DICOM",
            study,
            patient,
            Spacing(0.15, 0.15, SpacingSource.DETECTOR),
            details={"bits": "12"},
        )
        return Completed(arrival, radiograph, knees or (self.knee(2),), {"read": 12.5, "grade": 3.25})

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
