"""Results without a PACS: `process --dicom`, and the contract of mercure's modules, folder in and folder out."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import pydicom
import pytest
from typer.testing import CliRunner, Result

from koa_worker import RESEARCH_NOTICE, synthetic
from koa_worker.commands.cli import app
from koa_worker.errors import SetupError
from koa_worker.publish.objects import codes
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Side

PERSON = Person("Modulov^Anna", "MOD-77", "19550607", "F")
ALL = ["DOC", "OT", "PR", "SR"]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The log of a command is not that of the next test."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """As mercure lays it down: one series, here of one knee, under the names that mercure gives."""
    folder = tmp_path / "in"
    folder.mkdir()
    plate = synthetic.crop(synthetic.KneeSpec(Side.RIGHT, 3), size=240, seed=3)
    write_dicom(folder / "1.2.3#1.2.3.4.dcm", plate, study_uid="2.25.8", patient=PERSON)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def module(source: Path, target: Path) -> Callable[..., Result]:
    def run(task: Any = None, **environment: str) -> Result:
        if task is not None:
            (source / "task.json").write_text(task if isinstance(task, str) else json.dumps(task))
        folders = {"MERCURE_IN_DIR": str(source), "MERCURE_OUT_DIR": str(target)}
        return CliRunner().invoke(app, ["module"], env=folders | environment)

    return run


def modalities(folder: Path) -> list[str]:
    return sorted(str(pydicom.dcmread(path).Modality) for path in folder.glob("*.dcm"))


def asks(**settings: Any) -> dict[str, Any]:
    """The part of mercure's task that is a module's."""
    return {"id": "0815", "process": {"module_name": "koa-worker", "settings": settings}}


def test_a_module_writes_objects_and_what_it_found(
    module: Callable[..., Result], source: Path, target: Path, peer: Callable[[str], str]
) -> None:
    before = {path: path.read_bytes() for path in source.iterdir()}
    result = module()
    assert result.exit_code == 0, result.output
    assert modalities(target) == ALL
    said = json.loads((target / "result.json").read_text(encoding="utf-8"))
    assert said["notice"] == RESEARCH_NOTICE
    (image,) = said["images"]
    assert (image["path"], image["outcome"], len(image["knees"])) == ("1.2.3#1.2.3.4.dcm", "completed", 1)
    (report,) = (path for path in target.glob("*.dcm") if pydicom.dcmread(path).Modality == "SR")
    group, *_ = hd.sr.srread(report).content.get_planar_roi_measurement_groups()
    (grade,) = group.get_qualitative_evaluations(codes.GRADE)
    assert grade.value == codes.GRADE_VALUES[image["knees"][0]["kl"]]
    for path in target.glob("*.dcm"):
        found = pydicom.dcmread(path)
        assert (found.StudyInstanceUID, found.PatientID) == ("2.25.8", PERSON.id)
        done = subprocess.run([peer("dciodvfy"), path], capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    assert {path: path.read_bytes() for path in source.iterdir()} == before
    assert PERSON.id not in result.output + json.dumps(said)
    assert "Modulov" not in result.output + json.dumps(said)


@pytest.mark.parametrize("several", [False, True])
def test_the_task_chooses_the_kinds(module: Callable[..., Result], target: Path, several: bool) -> None:
    task = asks(pdf=False, secondary_capture=False)
    if several:  # modules one after the other
        task["process"] = [task["process"], {"settings": {"pdf": True}}]
    assert module(task).exit_code == 0
    assert modalities(target) == ["PR", "SR"]


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        (asks(heatmap=True), "unknown setting 'heatmap'"),
        (asks(pdf="no"), "true or false"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_task_is_said_and_nothing_is_written(
    module: Callable[..., Result], target: Path, task: Any, hint: str
) -> None:
    result = module(task)
    assert isinstance(result.exception, SetupError)
    assert hint in str(result.exception)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["MERCURE_IN_DIR", "MERCURE_OUT_DIR"])
def test_both_folders_must_be_there(module: Callable[..., Result], name: str) -> None:
    result = module(**{name: "absent"})
    assert isinstance(result.exception, SetupError)
    assert "must be folders" in str(result.exception)


def test_what_is_no_knee_is_a_result_too(module: Callable[..., Result], source: Path, target: Path) -> None:
    (path,) = source.glob("*.dcm")
    dataset = pydicom.dcmread(path)
    dataset.BodyPartExamined = "CHEST"
    dataset.save_as(path)
    assert module().exit_code == 0
    assert modalities(target) == []
    (image,) = json.loads((target / "result.json").read_text())["images"]
    assert (image["outcome"], image["code"]) == ("rejected", "other_part")


def test_a_knee_without_a_grade_is_said_in_the_objects(
    module: Callable[..., Result], source: Path, target: Path
) -> None:
    (path,) = source.glob("*.dcm")
    dataset = pydicom.dcmread(path)
    dataset.BodyPartExamined, dataset.ViewPosition = "KNEE", "LATERAL"
    dataset.save_as(path)
    assert module().exit_code == 0
    assert modalities(target) == ["DOC", "SR"]


def test_process_writes_what_the_module_writes(
    module: Callable[..., Result], source: Path, target: Path, tmp_path: Path
) -> None:
    module()
    (target / "result.json").unlink()
    done = CliRunner().invoke(app, ["process", str(source), "--dicom", "objects"])
    assert done.exit_code == 0, done.output
    assert modalities(tmp_path / "objects") == ALL
    assert {path.name for path in (tmp_path / "objects").iterdir()} >= {
        path.name for path in target.iterdir() if pydicom.dcmread(path).Modality != "DOC"
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "objects").iterdir())
    assert sorted(tmp_path.glob("*")) == sorted([source, target, tmp_path / "objects"])  # no store, no report


def test_process_writes_the_objects_of_a_study_of_two_images_once(source: Path, tmp_path: Path) -> None:
    plate = synthetic.crop(synthetic.KneeSpec(Side.LEFT, 4), size=240, seed=4)
    write_dicom(source / "other.dcm", plate, study_uid="2.25.8", patient=PERSON)
    (source / "again.dcm").write_bytes((source / "other.dcm").read_bytes())
    (source / "letter.txt").write_text("Dear colleague")
    done = CliRunner().invoke(app, ["process", str(source), "--dicom", "objects", "--json"])
    assert done.exit_code == 1  # the letter
    assert modalities(tmp_path / "objects") == ["DOC", "OT", "OT", "PR", "PR", "SR", "SR"]
