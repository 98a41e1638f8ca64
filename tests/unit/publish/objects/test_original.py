"""The attributes that are copied from an original, and originals that cannot have results."""

import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from koa_worker import synthetic
from koa_worker.errors import WorkFailed
from koa_worker.publish.objects.original import read_original
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side


def code(children: list[Dataset]) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "x"
    item.EquivalentCodeSequence = children
    return item


def nested(path: Path, depth: int) -> Path:
    write_dicom(path, synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=64), study_uid="2.25.5")
    item = code([])
    for _ in range(depth - 1):
        item = code([item])
    film = pydicom.dcmread(path)
    film.ProcedureCodeSequence = [item]
    film.save_as(path)
    return path


def test_sequences_as_the_standard_nests_them_are_taken_over(tmp_path: Path) -> None:
    assert read_original(nested(tmp_path / "a.dcm", 4)).study_uid == "2.25.5"


def test_bottomless_sequences_have_no_place(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="ProcedureCodeSequence") as refused:
        read_original(nested(tmp_path / "a.dcm", 60))
    assert refused.value.code == "no_place"


def test_sequences_deeper_than_python_can_follow_have_no_place(tmp_path: Path) -> None:
    """Each begins without a length, so that a reader of the header must go down to the last."""
    path = nested(tmp_path / "a.dcm", 1)
    film = pydicom.dcmread(path)
    film.ProcedureCodeSequence = []
    film.save_as(path)
    empty = struct.pack("<HH2s2xL", 0x0008, 0x1032, b"SQ", 0)
    before, after = path.read_bytes().split(empty)
    item, ends = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF), b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    levels = [
        struct.pack("<HH2s2xL", 0x0008, element, b"SQ", 0xFFFFFFFF) + item for element in (0x1032, *[0x0121] * 2999)
    ]
    path.write_bytes(before + b"".join(levels) + ends * len(levels) + after)
    with pytest.raises(WorkFailed) as refused:
        read_original(path)
    assert refused.value.code == "no_place"
