"""Images that are not radiographs: clouds, stripes, pages, forms, boxes, rings."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from .canvas import Chance, Plane, point


def nonsense(_crop: Picture, chance: Chance) -> Picture:
    """What is no radiograph at all."""
    drawers = (_clouds, _clouds, _stripes, _page, _form, _boxes, _rings)
    made = drawers[int(chance.integers(len(drawers)))](chance).astype(np.float32)
    noisy = np.clip(made + chance.normal(0, chance.uniform(0, 15), made.shape), 0, 255).astype(np.uint8)
    return equalize(noisy) if chance.random() < 0.8 else noisy


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
        cv2.rectangle(made, point(chance), point(chance), chance.uniform(0, 255), -1)
    return made


def _rings(chance: Chance) -> Plane:
    made = np.full((SIZE, SIZE), chance.uniform(0, 255), np.float32)
    for _ in range(int(chance.integers(3, 40))):
        thick = int(chance.choice([-1, 2]))
        cv2.circle(made, point(chance), int(chance.integers(3, 60)), chance.uniform(0, 255), thick)
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
        x, y = point(chance)
        corner = (x + int(chance.uniform(20, 120)), y + int(chance.uniform(8, 40)))
        cv2.rectangle(form, (x, y), corner, int(chance.integers(256)), int(chance.choice([-1, 1, 2])))
        _write(form, (x + 2, y + 10), cv2.FONT_HERSHEY_SIMPLEX, chance.uniform(0.2, 0.5), chance)
    return form


def _write(page: Picture, place: tuple[int, int], font: int, scale: float, chance: Chance) -> None:
    words = "".join(chance.choice(list("abcdefghiklmnoprstuvw   0123456789"), 60))
    cv2.putText(page, words, place, font, scale, 20, int(1 + scale))
