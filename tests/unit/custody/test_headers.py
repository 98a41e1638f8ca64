"""The patient of a file, from its complete or damaged header."""

from pathlib import Path

import pydicom
import pytest

from koa_worker import synthetic
from koa_worker.custody.headers import Match, match
from koa_worker.store.records.belongings import Whose
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Side


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.dcm"
    plate = synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=64, seed=1)
    write_dicom(path, plate, patient=Person("A^B", "P-17"), study_uid="1.2.3")
    header = pydicom.dcmread(path)
    header.AccessionNumber, header.IssuerOfPatientID = "ACC-1", "HOSP"
    header.save_as(path)
    return path


OF_FILE = [
    Whose(patient_id="P-17"),
    Whose(patient_id="P-17", issuer="HOSP"),
    Whose(accession="ACC-1"),
    Whose(study="1.2.3"),
]
OF_OTHERS = [
    Whose(patient_id="P-1"),
    Whose(patient_id="17"),
    Whose(patient_id="P-17", issuer=""),
    Whose(accession="ACC"),
    Whose(study="1.2"),
]


@pytest.mark.parametrize("number", range(4))
def test_a_header_says_whose_it_is(path: Path, number: int) -> None:
    assert match(path, OF_FILE[number]) == Match("HOSP")


@pytest.mark.parametrize("number", range(5))
def test_a_part_of_a_number_is_another_number(path: Path, number: int) -> None:
    assert match(path, OF_OTHERS[number]) is None


@pytest.mark.parametrize("number", range(4))
def test_what_cannot_be_parsed_is_searched(path: Path, number: int) -> None:
    data = path.read_bytes()
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\0\0" + data[150:])
    assert match(path, OF_FILE[number]) == Match(None)
    assert match(path, Whose(patient_id="P-1")) is None
    assert match(path, Whose(study="1.2")) is None


def test_a_file_that_is_gone_or_a_link_is_nobodys(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert match(link, OF_FILE[0]) is None
    assert match(tmp_path / "absent", OF_FILE[0]) is None
    (tmp_path / "letter").write_text("P-17")
    assert match(tmp_path / "letter", OF_FILE[0]) is None
