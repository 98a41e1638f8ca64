"""What is written is sane DICOM and PNG, says that it is synthetic, and comes back as it was."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from koa_worker import config
from koa_worker.read import read
from koa_worker.synthetic import KneeSpec, Plate, PlateSpec, draw
from koa_worker.synthetic.codecs import SYNTAXES
from koa_worker.synthetic.write import Person, write_dicom, write_png
from koa_worker.values import Arrival, Laterality, Radiograph, Side, SpacingSource

LOSSY = ("jpeg-baseline", "jpeg-extended", "jpeg-2000-lossy", "jpeg-ls-near")
CASES = [(name, bits) for name, syntax in SYNTAXES.items() for bits in sorted({*syntax.bits[::8], syntax.usual_bits})]
NAMES = [
    ("ISO_IR 144", "Образцов^Пётр"),
    ("GB18030", "Wang^Li=样本^丽"),
    ("\\ISO 2022 IR 87", "Mihon^Ken=見本^健"),
]


@pytest.fixture(scope="module")
def plate() -> Plate:
    return draw(PlateSpec(181, 150, 1.0, (KneeSpec(Side.RIGHT, seed=1),), seed=2, letters=False))


def _read(path: Path) -> Radiograph:
    data = path.read_bytes()
    arrival = Arrival(path, hashlib.sha256(data).hexdigest(), len(data), path.name)
    return read(arrival, config.load(None).limits)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("syntax", "bits"), CASES)
def test_every_syntax_reads_back(tmp_path: Path, plate: Plate, syntax: str, bits: int, photometric: str) -> None:
    path = tmp_path / "plate.dcm"
    write_dicom(path, plate, syntax=syntax, bits_stored=bits, photometric=photometric)  # type: ignore[arg-type]
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == SYNTAXES[syntax].uid
    found = _read(path).pixels
    full = np.iinfo(found.dtype).max
    error = np.abs(found / full - plate.pixels / 65535)
    if syntax in LOSSY:
        assert float(error.mean()) < 0.02
    else:
        assert float(error.max()) <= 1 / 2**bits


def test_object_says_what_it_is(tmp_path: Path, plate: Plate) -> None:
    path = tmp_path / "plate.dcm"
    write_dicom(path, plate, patient=Person("Πρόσωπο^Νέο", "X1"), study_uid="2.25.1", view="AP")
    dataset = pydicom.dcmread(path)
    assert "SYNTHETIC" in dataset.SeriesDescription
    assert "SYNTHETIC" in dataset.ImageComments
    found = _read(path)
    assert (found.patient.name, found.patient.id) == ("Πρόσωπο Νέο", "X1")
    assert (found.study.study_uid, found.study.view) == ("2.25.1", "AP")
    assert found.laterality is Laterality.RIGHT
    assert found.column_zero_side == "R"
    assert found.spacing is not None
    assert found.spacing.source is SpacingSource.CALIBRATED
    assert found.spacing.row_mm == pytest.approx(plate.spacing_mm)


def test_two_objects_of_a_study_differ_in_their_instance_only(tmp_path: Path, plate: Plate) -> None:
    other = draw(PlateSpec(100, 90, 1.5, (KneeSpec(Side.LEFT),)))
    write_dicom(tmp_path / "1.dcm", plate, study_uid="2.25.7")
    write_dicom(tmp_path / "2.dcm", other, study_uid="2.25.7")
    one, two = (pydicom.dcmread(tmp_path / name) for name in ("1.dcm", "2.dcm"))
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID


@pytest.mark.parametrize(
    ("kind", "source"), [("calibrated", SpacingSource.CALIBRATED), ("detector", SpacingSource.DETECTOR), ("none", None)]
)
def test_spacing_says_where_it_comes_from(
    tmp_path: Path, plate: Plate, kind: str, source: SpacingSource | None
) -> None:
    write_dicom(tmp_path / "a.dcm", plate, spacing=kind)  # type: ignore[arg-type]
    found = _read(tmp_path / "a.dcm").spacing
    assert (found.source if found else None) is source


def test_bare_object_without_file_meta(tmp_path: Path, plate: Plate) -> None:
    write_dicom(tmp_path / "bare", plate, syntax="implicit", part10=False)
    assert (tmp_path / "bare").read_bytes()[128:132] != b"DICM"
    assert _read(tmp_path / "bare").pixels.shape == plate.pixels.shape
    with pytest.raises(ValueError, match="implicit"):
        write_dicom(tmp_path / "no", plate, part10=False)


@pytest.mark.parametrize(("charset", "name"), NAMES)
def test_names_in_other_character_sets(tmp_path: Path, plate: Plate, charset: str, name: str) -> None:
    write_dicom(tmp_path / "a.dcm", plate, charset=charset, patient=Person(name))
    assert str(pydicom.dcmread(tmp_path / "a.dcm").PatientName) == name


def test_depths_that_an_encoder_cannot_write_are_refused(tmp_path: Path, plate: Plate) -> None:
    with pytest.raises(ValueError, match="jpeg-ls"):
        write_dicom(tmp_path / "a.dcm", plate, syntax="jpeg-ls", bits_stored=12)


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_dcmtk_finds_no_fault(tmp_path: Path, plate: Plate, syntax: str, peer: Callable[[str], str]) -> None:
    write_dicom(tmp_path / "a.dcm", plate, syntax=syntax, modality="CR")
    done = subprocess.run([peer("dcmdump"), str(tmp_path / "a.dcm")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_png_keeps_the_pixels_and_says_so(tmp_path: Path, plate: Plate) -> None:
    write_png(tmp_path / "16.png", plate, bits=16)
    write_png(tmp_path / "8.png", plate)
    assert np.array_equal(cv2.imread(str(tmp_path / "16.png"), cv2.IMREAD_UNCHANGED), plate.pixels)
    assert np.array_equal(cv2.imread(str(tmp_path / "8.png"), cv2.IMREAD_UNCHANGED), plate.pixels >> 8)
    assert b"SYNTHETIC" in (tmp_path / "8.png").read_bytes()
