"""Crops for training as they were before equalisation, where their files hold that."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import equalize
from koa_worker.knee.grading.views import View
from koa_worker.knee.joint_space.tilt import tilt
from training.data.crops import levelled, unequalized
from training.data.layouts import collect, pictures


def test_raw_files_come_as_they_are_and_equalised_ones_are_told_apart(crop_folder: Path, tmp_path: Path) -> None:
    drawn = sorted(crop_folder.glob("2/*.png"))[:2]
    (tmp_path / "2").mkdir()
    for path in drawn:
        small = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (224, 224), interpolation=cv2.INTER_AREA)
        assert cv2.imwrite(str(tmp_path / "2" / f"other{path.name}"), equalize(small))
    items = collect([f"raw:{crop_folder}", f"equalized:{tmp_path}"]).items
    stored, raw = unequalized(items)
    assert stored.shape == (len(items), 224, 224)
    assert raw.tolist() == [item.path.is_relative_to(crop_folder) for item in items]
    assert 0 < raw.sum() < len(items)
    shown = pictures(items)
    for one, is_raw, wanted in zip(stored, raw, shown, strict=True):
        assert np.array_equal(equalize(one) if is_raw else one, wanted)


def test_levelled_crops_are_those_of_a_levelled_view_and_level(crop_folder: Path) -> None:
    turn = cv2.getRotationMatrix2D((111.5, 111.5), -5, 1.0)
    falling = [
        np.asarray(cv2.warpAffine(one, turn, (224, 224), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        for one in pictures(collect([f"raw:{crop_folder}"]).items)[:4]
    ]
    shown = levelled(np.stack(falling))
    assert np.array_equal(shown[1], View(levelled=True).show(falling[1], tilt(falling[1])))
    assert all(abs(tilt(after)) < 1 < abs(tilt(before)) for before, after in zip(falling, shown, strict=True))
