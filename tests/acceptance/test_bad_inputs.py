"""Bad input: each gets its code and a sentence that says what to do, and the good file beside it is graded."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom import uid

from koa_worker import synthetic
from koa_worker.errors import CATALOGUE
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.values import Side
from tests.acceptance.conftest import Site

PLATE = synthetic.draw(
    synthetic.PlateSpec(700, 500, 0.4, (synthetic.KneeSpec(Side.LEFT),), seed=5, letters=False, photons=60_000)
)


def png_of(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def dicom(path: Path) -> pydicom.Dataset:
    write_dicom(path, PLATE)
    return pydicom.dcmread(path)


def make_all(folder: Path) -> dict[str, str]:
    """Writes the files; gives the code that each must get."""
    write_png(folder / "good.png", PLATE)
    (folder / "text.dcm").write_text("not a picture")
    (folder / "empty.png").touch()
    (folder / "bomb.png").write_bytes(png_of(60_000, 60_000, zlib.compress(b"\0" * 1_000_000)))
    half = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(half[: len(half) // 2])
    cv2.imwrite(str(folder / "blank.png"), np.full((500, 400), 80, np.uint8))

    several = dicom(folder / "several.dcm")
    several.NumberOfFrames = 3
    several.PixelData = several.PixelData * 3
    several.save_as(folder / "several.dcm")

    huge = dicom(folder / "huge.dcm")
    huge.Rows = huge.Columns = 60_000
    huge.save_as(folder / "huge.dcm")

    bare = dicom(folder / "bare.dcm")
    del bare.PixelData
    bare.save_as(folder / "bare.dcm")

    hidden = dicom(folder / "hidden.dcm")
    del hidden.PixelData
    item = pydicom.Dataset()
    item.EncryptedContentTransferSyntaxUID = uid.ExplicitVRLittleEndian
    item.EncryptedContent = bytes(64)
    hidden.EncryptedAttributesSequence = [item]
    hidden.save_as(folder / "hidden.dcm")

    index = dicom(folder / "DICOMDIR")
    del index.PixelData
    index.SOPClassUID = index.file_meta.MediaStorageSOPClassUID = uid.MediaStorageDirectoryStorage
    index.DirectoryRecordSequence = []
    index.save_as(folder / "DICOMDIR")

    return {
        "text.dcm": "unknown_format",
        "empty.png": "empty_file",
        "bomb.png": "too_large",
        "cut.png": "truncated",
        "blank.png": "blank",
        "several.dcm": "multi_frame",
        "huge.dcm": "too_large",
        "bare.dcm": "no_pixels",
        "hidden.dcm": "encrypted",
        "DICOMDIR": "dicomdir",
    }


def test_each_gets_its_code_and_the_good_one_is_graded(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    expected = {"good.png": None} | make_all(folder)
    code, lines = site.process(folder)
    assert code == 1
    assert {Path(line["path"]).name: line["code"] for line in lines} == expected
    for line in lines:
        assert line["outcome"] == ("rejected" if line["code"] else "completed")


def test_the_terminal_says_what_to_do(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    codes = set(make_all(folder).values())
    said = site.command("process", folder).stdout
    for code in codes:
        assert CATALOGUE[code].remedy in said


def test_the_daemon_sets_each_aside_and_goes_on(site: Site) -> None:
    expected = make_all(site.inbox)
    assert site.command("run", "--once").returncode == 1
    assert [path.name for path in site.files("work/inbox")] == ["empty.png"]  # nothing has been written to it yet
    reasons = [path.read_text().split("\n")[0] for path in site.files("work/rejected", "*.txt")]
    assert sorted(reasons) == sorted(code for name, code in expected.items() if name != "empty.png")
    assert len(site.files("work/done")) == 1


@pytest.mark.parametrize("syntax", ["explicit", "jpeg-ls"])
def test_a_dicom_cut_anywhere_is_told_as_such(site: Site, tmp_path: Path, syntax: str) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    write_dicom(tmp_path / "whole.dcm", PLATE, syntax=syntax)
    whole = (tmp_path / "whole.dcm").read_bytes()
    for part in range(1, 21):
        (folder / f"{part:02}.dcm").write_bytes(whole[: len(whole) * part // 21])
    code, lines = site.process(folder)
    assert code == 1
    assert len(lines) == 20
    assert {line["code"] for line in lines} == {"truncated"}
