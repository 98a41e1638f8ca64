"""Pictures that no grade may be given to, made of training crops: implants, other views and parts, nonsense.

A gate that was fitted to real implants or ankles would know those few. These are drawn in endless variety, so that
every real picture of that kind stays unseen until it is used for checking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.familiar import Kind
from koa_worker.knee.prepare import SIZE, Picture, equalize

Chance = np.random.Generator
Plane = NDArray[Any]
Maker = Callable[[Picture, Chance], Picture]

_MIDDLE = (SIZE - 1) / 2


def make(crop: Picture, chance: Chance) -> tuple[Kind, Picture]:
    """One of all kinds, made of this crop, and which kind it is."""
    _, kind, maker = _MAKERS[int(chance.choice(len(_MAKERS), p=_SHARES))]
    return kind, maker(crop, chance)


def turn(crop: Picture, chance: Chance) -> tuple[Kind, Picture]:
    """A knee that lies on its side or on its head."""
    quarters = int(chance.integers(1, 4))
    kind = (Kind.QUARTER, Kind.HALF, Kind.THREE_QUARTERS)[quarters - 1]
    return kind, np.ascontiguousarray(np.rot90(crop, quarters))


def implant(crop: Picture, chance: Chance) -> Picture:
    """Metal over the joint: a total or half prosthesis, seen from the front or not, or plates, nails and screws."""
    picture = _warped(crop, chance, turn=12, zoom=0.45, shift=0.15)
    metal = np.zeros((SIZE, SIZE), np.uint8)
    drawers = (_total, _total, _half, _half, _curved, _hardware)
    drawers[int(chance.integers(len(drawers)))](metal, chance)
    metal = _warped(metal, chance, turn=15, zoom=0.3, shift=0.08, border=cv2.BORDER_CONSTANT)
    cover = cv2.GaussianBlur(metal, (0, 0), chance.uniform(0.4, 1.4)).astype(np.float32) / 255
    # The exposure is set by the metal's white, so that the bone beside it is darker and flatter than usual.
    bone = picture.astype(np.float32) * chance.uniform(0.35, 0.9) + chance.uniform(0, 25)
    bright = np.float32(chance.uniform(205, 255)) + _waves(chance, chance.uniform(0, 12))
    mixed = np.clip(bone * (1 - cover) + bright * cover, 0, 255).astype(np.uint8)
    return equalize(mixed) if chance.random() < 0.85 else mixed


def other_view(crop: Picture, chance: Chance) -> Picture:
    """Something like a lateral view: one compartment as wide as a knee, bent above the joint."""
    half = crop[:, : int(SIZE * chance.uniform(0.45, 0.62))]
    half = half if chance.random() < 0.5 else crop[:, SIZE - half.shape[1] :]
    wide = np.asarray(cv2.resize(half, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)
    if chance.random() < 0.4:
        return _warped(wide, chance, turn=30, zoom=0.3, shift=0.1)
    angle = float(chance.choice([-1, 1]) * chance.uniform(25, 80))
    thigh = _turned(wide, angle, zoom=1.0, centre=(_MIDDLE, SIZE * 0.5))
    mixed = np.maximum(np.where(np.arange(SIZE)[:, None] < SIZE * 0.55, thigh, 0), _lower(wide))
    return equalize(_warped(mixed.astype(np.uint8), chance, turn=20, zoom=0.2, shift=0.1))


def elsewhere(crop: Picture, chance: Chance) -> Picture:
    """Bone, but no whole joint in the middle: beside it, far too close, far too small, or with no joint space."""
    kind = chance.integers(4)
    if kind == 0:
        away = float(chance.choice([-1, 1]) * chance.uniform(0.38, 0.6) * SIZE)
        shift = (away, 0.0) if chance.random() < 0.4 else (0.0, away)
        return _placed(crop, angle=chance.uniform(-20, 20), zoom=chance.uniform(0.9, 1.3), shift=shift)
    if kind == 1:
        shift = tuple(chance.uniform(-0.7, 0.7, 2) * SIZE)
        return _placed(crop, angle=chance.uniform(-180, 180), zoom=chance.uniform(2.3, 4.0), shift=shift)
    if kind == 2:
        small = _placed(crop, angle=chance.uniform(-20, 20), zoom=chance.uniform(0.2, 0.45), shift=(0.0, 0.0))
        return equalize(small)
    return _erased(crop, chance)


def rearranged(crop: Picture, chance: Chance) -> Picture:
    """The textures of a knee in an order that no knee has."""
    parts = int(chance.choice([2, 2, 3, 4]))
    edge = SIZE // parts
    tiles = [crop[edge * (n // parts) :][:edge, edge * (n % parts) :][:, :edge] for n in range(parts * parts)]
    halves = ([2, 3, 0, 1], [1, 0, 3, 2], [3, 2, 1, 0])  # each one no knee
    order = halves[chance.integers(3)] if parts == 2 else np.roll(chance.permutation(len(tiles)), 1)
    rows = [np.hstack([tiles[n] for n in order[parts * r : parts * (r + 1)]]) for r in range(parts)]
    return np.asarray(cv2.resize(np.vstack(rows), (SIZE, SIZE)), np.uint8)


def bones(crop: Picture, chance: Chance) -> Picture:
    """Shafts, balls and rings of bone as other parts of the body show them."""
    plane = np.full((SIZE, SIZE), chance.uniform(10, 70), np.float32)
    flesh = np.zeros((SIZE, SIZE), np.uint8)
    _blob(flesh, chance, 70, 200)
    plane += cv2.GaussianBlur(flesh, (0, 0), 4) * np.float32(chance.uniform(0.1, 0.4))
    for _ in range(int(chance.integers(1, 6))):
        body = np.zeros((SIZE, SIZE), np.uint8)
        if chance.random() < 0.6:
            cv2.line(body, _point(chance), _point(chance), 255, int(chance.integers(12, 80)))
        else:
            _blob(body, chance, 12, 80)
        rim = body - cv2.erode(body, np.ones((3, 3), np.uint8), iterations=int(chance.integers(1, 4)))
        plane += cv2.GaussianBlur(body, (0, 0), 2) * np.float32(chance.uniform(0.1, 0.35))
        plane += cv2.GaussianBlur(rim, (0, 0), 1) * np.float32(chance.uniform(0.1, 0.35))
    plane += (crop.astype(np.float32) - 128) * np.float32(chance.uniform(0, 0.08)) + _waves(chance, 10)
    return equalize(np.clip(plane, 0, 255).astype(np.uint8))


def nonsense(_crop: Picture, chance: Chance) -> Picture:
    """What is no radiograph at all."""
    drawers = (_clouds, _clouds, _stripes, _page, _form, _boxes, _rings)
    made = drawers[int(chance.integers(len(drawers)))](chance).astype(np.float32)
    noisy = np.clip(made + chance.normal(0, chance.uniform(0, 15), made.shape), 0, 255).astype(np.uint8)
    return equalize(noisy) if chance.random() < 0.8 else noisy


def blurred(crop: Picture, chance: Chance) -> Picture:
    """Hopelessly so."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), chance.uniform(9, 16)), np.uint8)


_MAKERS: tuple[tuple[float, Kind, Maker], ...] = (
    (0.36, Kind.IMPLANT, implant),
    (0.15, Kind.VIEW, other_view),
    (0.15, Kind.OTHER, elsewhere),
    (0.06, Kind.OTHER, rearranged),
    (0.14, Kind.OTHER, bones),
    (0.12, Kind.OTHER, nonsense),
    (0.02, Kind.BLUR, blurred),
)
_SHARES = [share for share, _, _ in _MAKERS]


def _total(metal: Picture, chance: Chance) -> None:
    """Condyles and a tray with its stem."""
    middle, joint = int(_MIDDLE), int(_MIDDLE + chance.uniform(-12, 12))
    half, top = int(chance.uniform(55, 100)), joint - int(chance.uniform(45, 105))
    cv2.rectangle(metal, (middle - half, top + 25), (middle + half, joint - 14), 255, -1)
    for side in (-1, 1):
        centre, wide = (int(middle + side * half * 0.55), joint - 22), int(half * 0.48)
        _oval(metal, centre, (wide, int(chance.uniform(16, 34))))
        _oval(metal, (centre[0], top + 25), (wide, int(chance.uniform(8, 40))))
    if chance.random() < 0.6:
        _oval(metal, (middle, joint - 10), (int(half * 0.25), int(chance.uniform(10, 45))), level=0)
    gap, thick = joint + int(chance.uniform(2, 14)), int(chance.uniform(6, 18))
    cv2.rectangle(metal, (middle - half, gap), (middle + half, gap + thick), 255, -1)
    wide_stem, deep = chance.uniform(8, 30), chance.uniform(20, 110)
    stem = [(-wide_stem, 0), (wide_stem, 0), (wide_stem * 0.4, deep), (-wide_stem * 0.4, deep)]
    cv2.fillPoly(metal, [np.array([(middle + x, gap + y) for x, y in stem], np.int32)], (255,))
    if chance.random() < 0.2:
        cv2.line(metal, (middle, top), (middle, 0), 255, int(chance.uniform(10, 26)))


def _half(metal: Picture, chance: Chance) -> None:
    """One compartment's, or the patella's: as small as an implant gets."""
    away = chance.choice([-1, 0, 1], p=[0.4, 0.2, 0.4]) * chance.uniform(35, 60)
    x, joint = int(_MIDDLE + away), int(_MIDDLE)
    wide, high = int(chance.uniform(18, 42)), int(chance.uniform(10, 50))
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners = chance.uniform(0.7, 1.0, (12, 1)) * np.column_stack([np.cos(around), np.sin(around)])
    cv2.fillPoly(metal, [(corners * (wide, high) + (x, joint - high)).astype(np.int32)], (255,))
    if chance.random() < 0.75:
        cv2.rectangle(metal, (x - wide, joint + 5), (x + wide, joint + 5 + int(chance.uniform(4, 12))), 255, -1)
        if chance.random() < 0.6:
            end = (x + int(chance.uniform(-10, 10)), joint + int(chance.uniform(20, 60)))
            cv2.line(metal, (x, joint + 8), end, 255, int(chance.uniform(3, 10)))


def _hardware(metal: Picture, chance: Chance) -> None:
    """A plate with its screws, a nail, or screws alone."""
    x = int(chance.uniform(30, SIZE - 30))
    if chance.random() < 0.7:
        end = (int(x + chance.normal(0, 15)), SIZE)
        cv2.line(metal, (x, int(chance.uniform(0, 120))), end, 255, int(chance.uniform(8, 22)))
    for _ in range(int(chance.integers(2, 8))):
        y = int(chance.uniform(40, SIZE))
        end = (int(x + chance.choice([-1, 1]) * chance.uniform(60, 130)), int(y + chance.normal(0, 12)))
        cv2.line(metal, (x, y), end, 255, int(chance.uniform(4, 11)))


def _curved(metal: Picture, chance: Chance) -> None:
    """The femoral part from the side: a thick C, with a tray below."""
    wide, high = (int(axis) for axis in chance.uniform(40, 95, 2))
    x, y = int(_MIDDLE + chance.uniform(-30, 30)), int(_MIDDLE - chance.uniform(0, 40))
    start = chance.uniform(-40, 60)
    end = start + chance.uniform(120, 230)
    cv2.ellipse(metal, (x, y), (wide, high), 0, start, end, 255, int(chance.uniform(10, 50)))
    if chance.random() < 0.7:
        tray = y + high + int(chance.uniform(6, 20))
        cv2.rectangle(metal, (x - 50, tray), (x + 50, tray + int(chance.uniform(6, 14))), 255, -1)
        below = (x + int(chance.normal(0, 8)), tray + int(chance.uniform(20, 90)))
        cv2.line(metal, (x, tray), below, 255, int(chance.uniform(10, 26)))


def _oval(metal: Picture, centre: tuple[int, int], axes: tuple[int, int], level: int = 255) -> None:
    cv2.ellipse(metal, centre, axes, 0, 0, 360, level, -1)


def _clouds(chance: Chance) -> Plane:
    """Noise whose finer parts are weaker, as in photographs, between white noise and fog; some have a horizon."""
    fine = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    spectrum = np.fft.rfft2(chance.standard_normal((SIZE, SIZE))) / np.maximum(fine, 1 / SIZE) ** chance.uniform(0, 2.2)
    plane: Plane = np.fft.irfft2(spectrum, (SIZE, SIZE))
    plane = (plane - plane.mean()) / plane.std() * chance.uniform(20, 60) + 128
    for _ in range(int(chance.choice([0, 0, 1, 2]))):
        plane[int(chance.integers(30, SIZE - 30)) :] += chance.normal(0, 60)
    return plane


def _stripes(chance: Chance) -> Plane:
    across, down = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE))
    wave: Plane = np.sin(chance.uniform(0.3, 25) * (across * chance.normal() + down * chance.normal()))
    return 128 + 127 * wave


def _boxes(chance: Chance) -> Plane:
    made = np.full((SIZE, SIZE), chance.uniform(0, 255), np.float32)
    for _ in range(int(chance.integers(2, 14))):
        cv2.rectangle(made, _point(chance), _point(chance), chance.uniform(0, 255), -1)
    return made


def _rings(chance: Chance) -> Plane:
    made = np.full((SIZE, SIZE), chance.uniform(0, 255), np.float32)
    for _ in range(int(chance.integers(3, 40))):
        thick = int(chance.choice([-1, 2]))
        cv2.circle(made, _point(chance), int(chance.integers(3, 60)), chance.uniform(0, 255), thick)
    return made


def _page(chance: Chance) -> Plane:
    """Lines of words, dark on light or light on dark."""
    page = np.full((SIZE, SIZE), 245, np.uint8)
    fonts = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)
    scale, y = chance.uniform(0.2, 1.6), 0
    font, left = int(chance.choice(fonts)), int(chance.uniform(-10, 20))
    while y < SIZE + 20:
        y += int(8 + 20 * scale)
        _write(page, (left, y), font, scale, chance)
    return 255 - page if chance.random() < 0.5 else page


def _form(chance: Chance) -> Plane:
    """A window or a table: few fields with words on a plain ground."""
    form = np.full((SIZE, SIZE), int(chance.integers(256)), np.uint8)
    for _ in range(int(chance.integers(2, 14))):
        x, y = _point(chance)
        corner = (x + int(chance.uniform(20, 120)), y + int(chance.uniform(8, 40)))
        cv2.rectangle(form, (x, y), corner, int(chance.integers(256)), int(chance.choice([-1, 1, 2])))
        _write(form, (x + 2, y + 10), cv2.FONT_HERSHEY_SIMPLEX, chance.uniform(0.2, 0.5), chance)
    return form


def _write(page: Picture, place: tuple[int, int], font: int, scale: float, chance: Chance) -> None:
    words = "".join(chance.choice(list("abcdefghiklmnoprstuvw   0123456789"), 60))
    cv2.putText(page, words, place, font, scale, 20, int(1 + scale))


def _erased(crop: Picture, chance: Chance) -> Picture:
    """The joint space filled with bone of the same knee."""
    made, high = crop.copy(), int(SIZE * chance.uniform(0.3, 0.4))
    top = int(_MIDDLE) - high // 2
    source = crop[SIZE - high :] if chance.random() < 0.5 else crop[:high]
    made[top : top + high] = source if chance.random() < 0.5 else source[::-1]
    return _warped(made, chance, turn=15, zoom=0.2, shift=0.05)


def _waves(chance: Chance, size: float) -> Plane:
    """Slow unevenness."""
    coarse = chance.normal(0, size, (6, 6)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def _lower(picture: Picture) -> Picture:
    return np.asarray(np.where(np.arange(SIZE)[:, None] >= SIZE * 0.48, picture, 0), np.uint8)


def _blob(plane: Picture, chance: Chance, least: int, most: int) -> None:
    wide, high = (int(axis) for axis in chance.integers(least, most, 2))
    cv2.ellipse(plane, _point(chance), (wide, high), chance.uniform(0, 180), 0, 360, 255, -1)


def _point(chance: Chance) -> tuple[int, int]:
    x, y = chance.integers(-20, SIZE + 20, 2)
    return int(x), int(y)


def _warped(
    picture: Picture,
    chance: Chance,
    *,
    turn: float,
    zoom: float,
    shift: float,
    border: int = cv2.BORDER_REPLICATE,
) -> Picture:
    return _placed(
        picture,
        angle=chance.uniform(-turn, turn),
        zoom=float(np.exp(chance.uniform(-zoom, zoom))),
        shift=tuple(chance.uniform(-shift, shift, 2) * SIZE),
        border=border,
    )


def _placed(
    picture: Picture, *, angle: float, zoom: float, shift: tuple[float, ...], border: int = cv2.BORDER_REPLICATE
) -> Picture:
    matrix = cv2.getRotationMatrix2D((_MIDDLE, _MIDDLE), angle, zoom)
    matrix[:, 2] += np.array(shift)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIZE, SIZE), borderMode=border), np.uint8)


def _turned(picture: Picture, angle: float, *, zoom: float, centre: tuple[float, float]) -> Picture:
    return np.asarray(cv2.warpAffine(picture, cv2.getRotationMatrix2D(centre, angle, zoom), (SIZE, SIZE)), np.uint8)
