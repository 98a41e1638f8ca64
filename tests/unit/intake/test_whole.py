"""A file is whole when its structure reaches its end; a cut anywhere is seen, whatever the transfer syntax."""

import os
import time
import zlib
from pathlib import Path

import pytest

from koa_worker import synthetic
from koa_worker.intake.whole import is_whole
from koa_worker.synthetic.codecs import SYNTAXES
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.values import Side

PLATE = synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=96)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_dicom_cut_anywhere_is_not_whole(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "a.dcm"
    bits = 8 if "baseline" in syntax else None
    write_dicom(path, PLATE, syntax=syntax, bits_stored=bits)
    data = path.read_bytes()
    assert is_whole(path)
    # The last byte of a deflated one may be padding (PS3.5 A.5), and all of it is there without.
    last = len(data) - (2 if syntax == "deflated" else 1)
    for length in [*range(700, last, max(1, len(data) // 400)), last]:
        path.write_bytes(data[:length])
        assert not is_whole(path), length


def test_a_png_cut_anywhere_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, PLATE)
    data = path.read_bytes()
    assert is_whole(path)
    for length in [*range(132, len(data), 37), len(data) - 1]:
        path.write_bytes(data[:length])
        assert not is_whole(path)


@pytest.mark.parametrize(
    "data",
    [
        b"Dear colleague",
        bytes(200),
        bytes(128) + b"DICM" + bytes(100),
        bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00\x04\x00\x00\x00abcd" + b"\xff" * 64,
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"\xff\xd8\xff\xe0",
    ],
)
def test_what_makes_no_sense_is_left_to_the_reader(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    assert is_whole(path)


def preamble(syntax: bytes) -> bytes:
    """The start of a DICOM file up to its data set."""
    meta = b"\x02\x00\x10\x00UI" + len(syntax).to_bytes(2, "little") + syntax
    return bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + len(meta).to_bytes(4, "little") + meta


def test_a_header_of_millions_of_elements_is_not_walked_to_its_end(tmp_path: Path) -> None:
    """At its end it would be known to lack a picture; it is left to the reader before."""
    (tmp_path / "a.dcm").write_bytes(preamble(b"1.2.840.10008.1.2.1\0") + b"\x08\x00\x05\x00CS\x00\x00" * 500_000)
    start = time.process_time()
    assert is_whole(tmp_path / "a.dcm")
    assert time.process_time() - start < 1


def test_a_deflated_bomb_is_not_inflated_to_its_end(tmp_path: Path) -> None:
    """4 MB of it would be 4 GB, which takes ten seconds."""
    head = preamble(b"1.2.840.10008.1.2.1.99")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    (tmp_path / "bomb.dcm").write_bytes(head + block * 4000)
    start = time.process_time()
    assert is_whole(tmp_path / "bomb.dcm")
    assert time.process_time() - start < 2


def test_a_png_of_millions_of_chunks_is_not_walked_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0abCd\0\0\0\0" * 2_000_000)
    start = time.process_time()
    assert is_whole(tmp_path / "a.png")
    assert time.process_time() - start < 1


def test_a_pipe_is_not_waited_for_and_a_link_is_not_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert is_whole(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        is_whole(tmp_path / "link")
