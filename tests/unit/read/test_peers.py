"""Other programs write the files or display them: their pixels and ours must agree."""

from __future__ import annotations

import subprocess

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("program", "options", "syntax"),
    [
        (
            "dcmcjpeg",
            ["+e1"],
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
        ),
        ("dcmcjpeg", ["+el", "+sv", "7"], "JPEG Lossless, Non-Hierarchical (Process 14)"),
        ("dcmcjpls", ["+el"], "JPEG-LS Lossless Image Compression"),
        ("dcmcrle", [], "RLE Lossless"),
        ("dcmconv", ["+ti"], "Implicit VR Little Endian"),
        ("dcmconv", ["+tb"], "Explicit VR Big Endian"),
        ("dcmconv", ["+td"], "Deflated Explicit VR Little Endian"),
        ("dcmconv", ["+ti", "-F"], "Implicit VR Little Endian"),
        ("dcmconv", ["+te", "+e", "-g"], "Explicit VR Little Endian"),
        ("dcmcjpls", ["+en", "+md", "2"], "JPEG-LS Lossy (Near-Lossless) Image Compression"),
        ("dcmcjpeg", ["+ee"], "JPEG Extended (Process 2 and 4)"),
    ],
)
def test_dcmtk_writes(peer, make, take, plate, tmp_path, program, options, syntax):
    source, target = tmp_path / "a", tmp_path / "b"
    data = make(plate, bits=12, **WINDOW)
    source.write_bytes(data)
    run(peer(program), *options, source, target)
    expected, found = take(data), take(target.read_bytes())
    assert found.details["transfer_syntax"] == syntax
    difference = np.abs(found.pixels.astype(int) - expected.pixels)
    if "Near" in syntax:
        assert difference.max() <= 2 * 16 + 1
    elif "Extended" in syntax:
        assert difference.mean() < 20 * 16
    else:
        assert not difference.any()
        assert found.patient == expected.patient


def test_dcmtk_writes_colour_jpeg(peer, make, take, plate, tmp_path):
    gray = (plate >> 4).astype(np.uint8)
    data = make(np.dstack([gray] * 3), SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    (tmp_path / "a").write_bytes(data)
    run(peer("dcmcjpeg"), "+eb", "+cy", tmp_path / "a", tmp_path / "b")
    found = take((tmp_path / "b").read_bytes())
    assert np.abs(found.pixels.astype(int) - gray).mean() < 3


def voi_table() -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [2048, 900, 12]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", (np.sqrt(np.arange(2048) / 2047) * 4095).astype("<u2").tobytes())
    return Sequence([item])


@pytest.mark.parametrize(
    "values",
    [
        {"WindowCenter": 1800, "WindowWidth": 1500},
        {"WindowCenter": 1800, "WindowWidth": 1500, "PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": 1800, "WindowWidth": 1500, "PresentationLUTShape": "INVERSE"},
        {
            "WindowCenter": 1800,
            "WindowWidth": 1500,
            "PhotometricInterpretation": "MONOCHROME1",
            "PresentationLUTShape": "IDENTITY",
        },
        {"WindowCenter": 1800, "WindowWidth": 700, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2600, "WindowWidth": 3000, "RescaleSlope": "2", "RescaleIntercept": "-1000"},
        {"WindowCenter": 100, "WindowWidth": 3000, "signed": True},
        {"VOILUTSequence": voi_table()},
    ],
    ids=["window", "inverse", "shape", "contradiction", "sigmoid", "rescale", "signed", "table"],
)
def test_dcmtk_shows_the_same(peer, make, take, plate, tmp_path, values):
    pixels = plate
    if values.pop("signed", False):
        pixels = (plate.astype(int) - 2048).astype(np.int16)
    if "RescaleSlope" in values:
        values["RescaleType"] = "US"
    data = make(pixels, bits=12, **values)
    (tmp_path / "a").write_bytes(data)
    how = ["+Wl", "1"] if "VOILUTSequence" in values else ["+Wi", "1"]
    function = ["+Wfs"] if values.get("VOILUTFunction") == "SIGMOID" else []
    run(peer("dcm2pnm"), *how, *function, "+opb", tmp_path / "a", tmp_path / "b.pgm")
    theirs = cv2.imread(str(tmp_path / "b.pgm"), cv2.IMREAD_UNCHANGED).astype(int)
    assert np.abs((take(data).pixels / 257) - theirs).max() <= 2


FIVE = ["ankle_jpeg2000", "ankle_jpeg_12bit", "ankle_jpegls", "hip_jpeg_lossless", "hip_rle"]


@pytest.mark.parametrize("name", FIVE)
def test_real_radiographs_decode(shared, take, name):
    found = take((shared / "dicom" / f"{name}.dcm").read_bytes())
    assert found.pixels.dtype == np.uint16
    assert found.pixels.shape in ((1760, 1760), (2140, 1760))
    assert found.pixels.std() > 5000
    assert found.column_zero_side == ("L" if "ankle" in name else "")
    assert found.study.view == ("AP" if "ankle" in name else "")


@pytest.mark.parametrize(("one", "other", "tolerance"), [(0, 1, 200), (0, 2, 0), (3, 4, 0)])
def test_the_same_radiograph_in_two_syntaxes(shared, take, one, other, tolerance):
    pictures = [take((shared / "dicom" / f"{FIVE[index]}.dcm").read_bytes()).pixels for index in (one, other)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() <= tolerance


def test_real_radiographs_cut_at_twenty_places(shared, refused):
    for name in FIVE:
        data = (shared / "dicom" / f"{name}.dcm").read_bytes()
        for place in np.linspace(150, len(data) - 200, 20).astype(int):
            assert refused(data[:place]) in ("truncated", "damaged"), (name, place)
