"""Originals are decoded in a separate process, with any effect on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read.viewing import decoder as module
from koa_worker.read.viewing.decoder import DecodedFilm, Decoder, DecoderBusy
from koa_worker.synthetic.draw import draw
from koa_worker.synthetic.spec import PlateSpec, random_knee
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder(Limits())
    yield made
    made.close()


def decode(decoder: Decoder, path: Path, sha256: str | None = None) -> DecodedFilm:
    file = os.open(path, os.O_RDONLY)
    try:
        return decoder.decode(file, sha256 or hashlib.sha256(path.read_bytes()).hexdigest())
    finally:
        os.close(file)


def values(film: DecodedFilm) -> np.ndarray:
    with film.stream as stream:
        kind = np.uint8 if film.size == film.rows * film.columns else np.uint16
        return np.frombuffer(stream.read(), kind).reshape(film.rows, film.columns)


def test_every_pixel_of_an_original_comes(decoder: Decoder, tmp_path: Path) -> None:
    knee = random_knee(np.random.default_rng(1), Side.RIGHT, severity=1.0)
    plate = draw(PlateSpec(300, 200, 1.0, (knee,)))
    write_dicom(tmp_path / "x.dcm", plate, bits_stored=12)
    drawn = np.random.default_rng(1).integers(0, 255, (40, 50), np.uint8)
    cv2.imwrite(str(tmp_path / "x.png"), drawn)
    assert values(decode(decoder, tmp_path / "x.dcm")).shape == (300, 200)
    again = decode(decoder, tmp_path / "x.png")  # by the same process
    assert np.array_equal(values(again), drawn)
    assert again.window == (0.0, 1.0)


def test_what_is_no_image_or_has_changed_is_refused_and_the_next_one_comes(decoder: Decoder, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no image")
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((40, 50), np.uint8))
    with pytest.raises(InputRejected) as refused:
        decode(decoder, tmp_path / "text")
    with pytest.raises(WorkFailed) as changed:
        decode(decoder, tmp_path / "x.png", "0" * 64)
    assert (refused.value.code, changed.value.code) == ("unknown_format", "io")
    assert values(decode(decoder, tmp_path / "x.png")).shape == (40, 50)


def test_a_decoder_that_dies_is_replaced(decoder: Decoder, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((40, 50), np.uint8))
    decoder.warm_up()
    process = decoder._process
    assert process is not None
    process.kill()
    assert values(decode(decoder, tmp_path / "x.png")).shape == (40, 50)


def test_who_comes_while_another_image_is_decoded_is_told_so(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_WAIT", 0.05)
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((40, 50), np.uint8))
    with decoder._turn, pytest.raises(DecoderBusy):
        decode(decoder, tmp_path / "x.png")


def test_a_decoder_that_hangs_is_ended(decoder: Decoder, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((40, 50), np.uint8))
    decode(decoder, tmp_path / "x.png").stream.close()
    process, line = decoder._process, decoder._line
    assert process is not None
    assert line is not None
    os.kill(process.pid, 19)  # SIGSTOP
    line.settimeout(0.2)
    with pytest.raises(WorkFailed) as hung:
        decode(decoder, tmp_path / "x.png")
    assert hung.value.code == "timed_out"
    assert process.poll() is not None
    assert values(decode(decoder, tmp_path / "x.png")).shape == (40, 50)


def test_an_image_of_more_pixels_than_allowed_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((2000, 2000), np.uint8))
    small = Decoder(Limits(max_megapixels=1))
    try:
        with pytest.raises(InputRejected):
            decode(small, tmp_path / "x.png")
    finally:
        small.close()
