"""Our own images are recognised by a text and by bars, also after another program saved them; others never are."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from koa_worker import synthetic
from koa_worker.system.own_mark import BARS, has_words, is_stamped, marked, stamp, write_words
from koa_worker.values import Side

Pixels = NDArray[Any]


@pytest.fixture(scope="module")
def film() -> NDArray[np.uint8]:
    spec = synthetic.PlateSpec(900, 700, 0.5, (synthetic.KneeSpec(Side.RIGHT, centre=(0.4, 0.5)),), seed=5)
    return (synthetic.draw(spec).pixels >> 8).astype(np.uint8)


def jpeg(picture: Pixels, quality: int = 40) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0))


DRAWN_AGAIN: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda picture: picture,
    "small": lambda picture: cv2.resize(picture, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
    "large": lambda picture: cv2.resize(picture, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
    "other proportions": lambda picture: cv2.resize(picture, (512, 512), interpolation=cv2.INTER_LINEAR),
    "JPEG": jpeg,
    "inverted": lambda picture: 255 - picture,
    "16 bits": lambda picture: picture.astype(np.uint16) * 256,
    "dim": lambda picture: (picture * 0.2 + 60).astype(np.uint8),
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "turned": np.rot90,
    "upside-down": lambda picture: np.rot90(picture, 2),
    "on black": lambda picture: np.pad(picture, ((30, 50), (21, 80))),
    "on white": lambda picture: np.pad(picture, ((30, 50), (21, 80)), constant_values=255),
}


@pytest.mark.parametrize("how", DRAWN_AGAIN)
def test_bars_are_seen_however_the_picture_is_drawn_again(film: NDArray[np.uint8], how: str) -> None:
    assert is_stamped(DRAWN_AGAIN[how](stamp(film)))
    assert not is_stamped(DRAWN_AGAIN[how](film))


@pytest.mark.parametrize("bits", [8, 16])
def test_noise_ramps_and_stripes_are_not_bars(bits: int) -> None:
    random, most = np.random.default_rng(3), (1 << bits) - 1
    kind = np.uint8 if bits == 8 else np.uint16
    width = 16 * len(BARS)
    pictures = [random.integers(0, most, (300, width)) for _ in range(50)]
    pictures += [np.tile(np.linspace(0, most, width), (300, 1)), np.zeros((300, width)), np.full((300, width), most)]
    pictures += [np.tile((np.arange(width) // step % 2) * most, (300, 1)) for step in (1, 4, 16, 32, 64)]
    assert not any(is_stamped(picture.astype(kind)) for picture in pictures)
    assert not is_stamped(np.zeros((4, 4), kind))


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_words_are_written_and_found_and_change_no_pixel(film: NDArray[np.uint8], ending: str) -> None:
    plain = cv2.imencode(ending, film)[1].tobytes()
    said = write_words(plain)
    assert has_words(said)
    assert not has_words(plain)
    before, after = (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) for data in (plain, said))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_marked_picture_has_both(film: NDArray[np.uint8], ending: str) -> None:
    colours = cv2.cvtColor(film, cv2.COLOR_GRAY2BGR)
    for picture in (film, colours):
        data = marked(cv2.imencode(ending, picture)[1].tobytes())
        assert has_words(data)
        assert is_stamped(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)))


def test_a_picture_of_many_pieces_is_not_read_to_its_end() -> None:
    chunk = b"\0\0\0\0abCd\0\0\0\0"
    assert not has_words(b"\x89PNG\r\n\x1a\n" + chunk * 2_000_000)
    assert not has_words(b"\xff\xd8" + b"\xff\xe1\0\0" * 2_000_000)
    assert not has_words(b"\xff\xd8\xff")
