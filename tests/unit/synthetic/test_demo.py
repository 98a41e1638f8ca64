"""The demo's set: whole files, several scripts, a study of two images and one file to turn away."""

import stat
from pathlib import Path

import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from koa_worker.synthetic.demo import demo_set


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return demo_set(tmp_path_factory.mktemp("inbox"), seed=3)


def test_files_are_whole_private_and_alone(dropped: list[Path]) -> None:
    assert sorted(dropped) == sorted(dropped[0].parent.iterdir())  # nothing unfinished is left
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in dropped)
    assert all(path.name.startswith("synthetic-") for path in dropped)


def test_set_has_the_variety(dropped: list[Path]) -> None:
    objects, refused = [], 0
    for path in (p for p in dropped if p.suffix == ".dcm"):
        try:
            objects.append(pydicom.dcmread(path))
        except InvalidDicomError:
            refused += 1
    assert refused == 1
    assert len({o.StudyInstanceUID for o in objects}) == len(objects) - 1  # one study has two images
    assert len({o.SOPInstanceUID for o in objects}) == len(objects)
    assert all("SYNTHETIC" in o.SeriesDescription for o in objects)
    names = "".join(str(o.PatientName) for o in objects)
    assert any("Ѐ" <= letter <= "ӿ" for letter in names)  # Cyrillic
    assert any("一" <= letter <= "鿿" for letter in names)
    assert {o.file_meta.TransferSyntaxUID.name for o in objects} >= {"JPEG-LS Lossless Image Compression"}
    assert sum(path.suffix == ".png" for path in dropped) == 1
