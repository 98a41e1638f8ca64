"""Which training commands `koa-train` takes, and what it says where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

import koa_worker
from koa_worker.commands import train
from koa_worker.commands.train import _package, main
from koa_worker.errors import SetupError


def test_in_the_source_tree_they_are_those_beside_the_worker() -> None:
    assert _package(Path(koa_worker.__file__).parent) == "training"


def test_installed_ones_go_first(tmp_path: Path) -> None:
    (tmp_path / "koa_worker/_training").mkdir(parents=True)
    assert _package(tmp_path / "koa_worker") == "koa_worker._training"


def test_a_training_package_of_another_project_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "koa_worker").mkdir()
    with pytest.raises(SetupError) as fault:  # the one on the path lies elsewhere
        _package(tmp_path / "koa_worker")
    assert fault.value.code == "training_missing"


def test_a_missing_module_that_no_extra_brings_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ModuleNotFoundError("no module named 'numbers_of_ours'", name="numbers_of_ours")

    monkeypatch.setattr(train, "_commands", lambda: fail)
    with pytest.raises(ModuleNotFoundError):
        main()


def test_what_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ModuleNotFoundError("no module named 'keras.layers'", name="keras.layers")

    monkeypatch.setattr(train, "_commands", lambda: fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "(keras). Install it with pip install 'koa-worker[train]'." in capsys.readouterr().err
