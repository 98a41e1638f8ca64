"""The run file: the part of it that may be published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("keras")

from training.fitting import runfile
from training.fitting.settings import Settings


def test_no_path_of_the_machine_that_trained_gets_into_a_release(tmp_path: Path) -> None:
    settings = Settings(start="/home/me/weights.h5", teacher="/home/me/models/koa-v7").as_dict()
    run = {"settings": settings, "data": {}, "versions": {}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    kept = runfile.published(tmp_path / "best.keras")
    assert kept["settings"]["teacher"] == "koa-v7"
    assert "/home" not in json.dumps(kept)


def test_net_without_a_run_file_says_its_name_alone(tmp_path: Path) -> None:
    assert runfile.published(tmp_path / "given.keras") == {"net": "given"}
