"""A page with studies of one large film each, for `bench.viewer`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Store, encode
from koa_worker.synthetic.draw import draw
from koa_worker.synthetic.spec import PlateSpec, random_knee
from koa_worker.synthetic.truth import Plate
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    Grade,
    GradedKnee,
    Heatmap,
    KneeRoi,
    Patient,
    Radiograph,
    Side,
    Spacing,
    SpacingSource,
    Study,
)
from koa_worker.web.serving.serve import serving

ROWS, COLUMNS, SPACING_MM = 3000, 2500, 0.143
DAY = datetime(2024, 2, 29, tzinfo=UTC)


@contextmanager
def site(folder: Path, studies: int) -> Iterator[tuple[str, list[str]]]:
    """The address of a page with these studies, and their keys. It has no users, because only this machine uses it."""
    settings = Config.model_validate({"web": {"port": 0}, "limits": {"min_free_mb": 0}}).below(folder)
    prepare_folders(settings.folders)
    plate = drawn()
    with Store.open(settings.store.url) as store:
        keys = [put_study(store, folder, plate, number) for number in range(studies)]
    with serving(settings) as address:
        yield address, keys


def drawn() -> Plate:
    rng = np.random.default_rng(5)
    knees = [
        random_knee(rng, side, severity=severity, centre=(0.5 + where, 0.5))
        for side, severity, where in ((Side.RIGHT, 1.0, -0.24), (Side.LEFT, 3.0, 0.24))
    ]
    return draw(PlateSpec(ROWS, COLUMNS, SPACING_MM, tuple(knees), seed=5, beads=True))


def put_study(store: Store, folder: Path, plate: Plate, number: int) -> str:
    """Keeps a study with one film, as the daemon would; gives its key."""
    path = folder / f"{number}.dcm"
    uid = f"1.2.826.0.1.3680043.8.498.{number + 1}"
    write_dicom(
        path, plate, patient=Person(f"Synthetic^{number:02}", f"SYN-{number:04}", "19600101", "F"), study_uid=uid
    )
    arrival = Arrival(path, sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.name)
    study = Study(uid, f"{uid}.1", description="Knees standing", date=DAY, modality="DX", view="PA")
    pixels = np.ascontiguousarray(plate.pixels, np.uint16)
    patient = Patient(f"Synthetic {number:02}", f"SYN-{number:04}")
    spacing = Spacing(SPACING_MM, SPACING_MM, SpacingSource.CALIBRATED)
    radiograph = Radiograph(pixels, "DICOM", study, patient, spacing, details={})
    places = ((Side.RIGHT, 275, number % 5), (Side.LEFT, 1475, (number + 2) % 5))
    knees = tuple(graded(side, Box(x, 1125, 750, 750), kl) for side, x, kl in places)
    store.files.add_arrival(arrival, datetime.now(UTC) - timedelta(minutes=number))
    store.files.start(arrival.id, "bench")
    result = encode(Completed(arrival, radiograph, knees, {}))
    key = store.files.complete(arrival.id, result, "d" * 64, "1.0", str(path)).study_key
    assert key
    return key


def graded(side: Side, box: Box, kl: int) -> GradedKnee:
    chance = np.random.default_rng(kl)
    p0, p1, p2, p3, p4 = (0.6 if one == kl else 0.1 for one in range(5))
    grade = Grade(kl, (p0, p1, p2, p3, p4), 0.6, p2 + p3 + p4, 1.0, (), "net-v1")
    heat = Heatmap(chance.random((7, 7), np.float32), kl)
    return GradedKnee(KneeRoi(box, side), chance.integers(0, 256, (224, 224), np.uint8), grade, heat)
