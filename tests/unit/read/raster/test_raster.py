"""PNG, JPEG, TIFF and BMP, of every kind that is met as a radiograph."""

from __future__ import annotations

import contextlib
import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.intake import digest
from koa_worker.read import read
from koa_worker.values import Arrival


@pytest.fixture
def gray(plate) -> np.ndarray:
    return (plate >> 4).astype(np.uint8)


@pytest.fixture
def colours(gray) -> np.ndarray:
    return np.dstack([gray, 255 - gray, np.roll(gray, 7, 1)])


def png(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


def jpeg(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, 98))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(columns: int, rows: int, bits: int = 8, colour: int = 0) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0))


def exif(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)


def tiff(pixels: np.ndarray, *, order: str = "<", tags: dict[int, int] | None = None, more: bool = False) -> bytes:
    """A TIFF of one uncompressed strip."""
    rows, columns = pixels.shape[:2]
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    entries = {
        256: columns,
        257: rows,
        258: pixels.itemsize * 8,
        259: 1,
        262: 1,
        273: 0,
        277: 1,
        278: rows,
        279: len(raw),
    }
    entries |= tags or {}
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, value in sorted(entries.items()):
        directory += struct.pack(f"{order}HHII", tag, 4, 1, value)
    end = entries[273] + len(raw)
    directory += struct.pack(f"{order}I", 8 if more else 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    assert len(head + directory + raw) == end
    return head + directory + raw


@pytest.mark.parametrize("write", [png, tiff, lambda pixels: cv2.imencode(".bmp", pixels)[1].tobytes()])
def test_eight_bits_come_back_as_they_are(take, gray, write):
    found = take(write(gray))
    assert found.pixels.dtype == np.uint8
    assert np.array_equal(found.pixels, gray)
    assert found.format in ("PNG", "TIFF", "BMP")


@pytest.mark.parametrize("write", [png, tiff, lambda pixels: tiff(pixels, order=">")], ids=["PNG", "TIFF", "TIFF, MM"])
def test_sixteen_bits_come_back_as_they_are(take, plate, write):
    wide = plate << 4
    found = take(write(wide)).pixels
    assert found.dtype == np.uint16
    assert np.array_equal(found, wide)


def test_twelve_bits_in_sixteen_are_stretched(take, plate):
    found = take(png(plate))
    assert found.details["window"] == "from exposure"
    assert found.pixels.max() == 65535
    assert np.corrcoef(found.pixels.ravel(), plate.ravel())[0, 1] > 0.99


def test_jpeg(take, gray, colours):
    assert np.abs(take(jpeg(gray)).pixels.astype(int) - gray).max() < 12
    expected = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(take(jpeg(colours)).pixels - expected).mean() < 2
    assert take(jpeg(gray)).format == "JPEG"


@pytest.mark.parametrize("wide", [False, True], ids=["8 bits", "16 bits"])
def test_colour_and_alpha(take, colours, wide):
    pixels = colours.astype(np.uint16) * 257 if wide else colours
    top = np.iinfo(pixels.dtype).max
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(take(png(pixels)).pixels, gray)
    alpha = np.full(pixels.shape[:2], top, pixels.dtype)
    alpha[:, :40] = 0
    found = take(png(np.dstack([pixels, alpha]))).pixels
    assert not found[:, :40].any()
    assert np.array_equal(found[:, 40:], gray[:, 40:])
    with_alpha = take(png(np.dstack([gray, alpha]))).pixels
    assert np.array_equal(with_alpha, found)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("palette", [False, True])
def test_small_samples_and_palettes(take, bits, palette):
    levels = 1 << bits
    values = np.arange(64 * 64).reshape(64, 64) % levels
    packed = np.packbits(((values[..., None] >> np.arange(bits)[::-1]) & 1).reshape(64, -1).astype(np.uint8), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    shades = np.linspace(255, 0, levels).astype(np.uint8)
    data = png_header(64, 64, bits, 3 if palette else 0)
    if palette:
        data += chunk(b"PLTE", np.repeat(shades, 3).tobytes())
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    expected = shades[values] if palette else (values * (255 // (levels - 1))).astype(np.uint8)
    assert np.array_equal(take(data).pixels, expected)


def test_tiff_palette(take, gray):
    body = tiff(gray, tags={262: 3})
    count = struct.unpack_from("<H", body, 8)[0]
    # One more entry, so everything behind the directory moves by its length; the palette itself goes to the end.
    colours = (np.arange(256)[::-1].astype("<u2") * 257).tobytes() * 3
    entries = body[10 : 10 + 12 * count].replace(
        struct.pack("<HHII", 273, 4, 1, 14 + 12 * count), struct.pack("<HHII", 273, 4, 1, 26 + 12 * count)
    )
    palette = struct.pack("<HHII", 320, 3, 768, 26 + 12 * count + gray.size)
    data = body[:8] + struct.pack("<H", count + 1) + entries + palette + bytes(4) + body[14 + 12 * count :] + colours
    assert np.array_equal(take(data).pixels, 255 - gray)


def test_tiff_white_is_zero(take, gray):
    assert np.array_equal(take(tiff(gray, tags={262: 0})).pixels, 255 - gray)


def test_tiff_of_several_pages(refused, gray):
    assert refused(tiff(gray, more=True)) == "multi_frame"


def test_tiff_of_floats(refused, gray):
    assert refused(tiff(gray.astype(np.float32), tags={339: 3})) == "unsupported_pixels"


@pytest.mark.parametrize("compression", ["deflate", "lzw", "packbits"])
def test_compressed_tiff(take, plate, compression):
    wide = plate << 4
    assert np.array_equal(take(bytes(imagecodecs.tiff_encode(wide, compression=compression))).pixels, wide)


UPRIGHT = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.T,
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).T,
    8: lambda image: np.rot90(image, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_orientation(take, gray, kind, orientation):
    note = exif(orientation)
    if kind == "PNG":
        data = png(gray)
        data = data[:33] + chunk(b"eXIf", note) + data[33:]
        plain = gray
    elif kind == "JPEG":
        data = jpeg(gray)
        segment = b"Exif\0\0" + note
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
        plain = imagecodecs.jpeg8_decode(jpeg(gray))
    else:
        data, plain = tiff(gray, tags={274: orientation}), gray
    assert np.array_equal(take(data).pixels, UPRIGHT[orientation](plain))


def test_a_nonsense_orientation_is_ignored(take, gray):
    data = png(gray)
    for note in (exif(77), b"MM\0*", b""):
        assert np.array_equal(take(data[:33] + chunk(b"eXIf", note) + data[33:]).pixels, gray)


@pytest.mark.parametrize(
    "data",
    [
        png_header(60_000, 60_000),
        b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, 60_000, 60_000, 1) + b"\x01\x11\0\xff\xd9",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60_000, -60_000, 1, 8, 0, 0, 0, 0, 0, 0),
        tiff(np.zeros((2, 2), np.uint8), tags={256: 60_000, 257: 60_000}),
        png_header(9_900, 9_900, 16, 6),  # within the pixels, but eight bytes each
    ],
    ids=["PNG", "JPEG", "BMP", "TIFF", "deep PNG"],
)
def test_huge_headers(refused, data):
    assert refused(data) == "too_large"


def test_a_png_bomb(refused):
    rows = zlib.compressobj(9)
    body = b"".join([rows.compress(bytes(1_000_000)) for _ in range(20)]) + rows.flush()
    data = png_header(20_000, 20_000) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    assert len(data) < 50_000
    assert refused(data) == "too_large"


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp"])
def test_every_truncation_is_noticed(take, gray, kind):
    data = {"png": png, "jpeg": jpeg, "tiff": tiff, "bmp": lambda pixels: cv2.imencode(".bmp", pixels)[1].tobytes()}[
        kind
    ](gray)
    for place in {*np.linspace(8, len(data) - 2, 40).astype(int), len(data) - 1}:
        with pytest.raises(InputRejected) as caught:
            take(data[:place])
        assert caught.value.code in ("truncated", "damaged"), (place, caught.value)


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp", "colour jpeg"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8))
def test_altered_bytes_give_a_picture_or_a_code(take, gray, colours, kind, changes):
    small = gray[:40, :30]
    data = bytearray(
        {
            "png": lambda: png(small),
            "jpeg": lambda: jpeg(small),
            "tiff": lambda: tiff(small),
            "bmp": cv2.imencode(".bmp", small)[1].tobytes,
            "colour jpeg": lambda: jpeg(np.ascontiguousarray(colours[:40, :30])),
        }[kind]()
    )
    for number, (place, byte) in enumerate(changes):
        data[place % (len(data) if number % 2 else 200)] = byte
    with contextlib.suppress(InputRejected):
        take(bytes(data), Limits(max_megapixels=1))


def test_the_files_ending_does_not_matter(tmp_path, gray):
    path = tmp_path / "really.dcm"
    path.write_bytes(png(gray))
    assert read(Arrival(path, digest(path), 1, path.name), Limits()).format == "PNG"
