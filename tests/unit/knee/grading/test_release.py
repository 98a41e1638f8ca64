"""A release runs only if it is complete and unchanged, and the newest one is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import koa_worker
from koa_worker.errors import SetupError
from koa_worker.knee.grading.release import MODELS_VARIABLE, Release, default_model_folder, model_folder

SHA = "ab" * 32
MEMBER: dict[str, object] = {"file": "m.tflite", "sha256": SHA, "head": "h.npz", "head_sha256": SHA}


def contents() -> dict[str, object]:
    return {
        "name": "koa",
        "version": 3,
        "members": [MEMBER],
        "input": {"size": 224, "scale": "-1..1", "equalized": True},
        "views": ["plain", "mirrored"],
        "temperature": 1.2,
        "review": {"confidence": 0.5, "agreement": 0.5},
        "metrics": {"accuracy": {"value": 0.7}},
        "trained": {},
    }


def write(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(contents() | changes))
    return folder


def test_a_manifest_is_read(tmp_path: Path) -> None:
    release = Release.open(write(tmp_path))
    assert release.manifest.label == "koa-v3"
    assert release.manifest.members[0].head == "h.npz"
    assert release.manifest.views == ("plain", "mirrored")


def test_any_change_of_the_manifest_changes_its_digest(tmp_path: Path) -> None:
    first, second = (Release.open(write(tmp_path, temperature=t)).digest for t in (1.0, 1.1))
    assert first != second


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"members": []}, "members"),
        ({"views": []}, "views"),
        ({"views": ["upside-down"]}, "views"),
        ({"views": ["plain@3"]}, "views"),
        ({"members": [MEMBER | {"sees": [0, 0, 1, 2]}]}, "members.0.sees"),
        ({"members": [MEMBER | {"sees": [0.5, 0, 0.5, 1]}]}, "members.0"),
        ({"temperature": 0}, "temperature"),
        ({"version": -1}, "version"),
        ({"input": {"size": 256, "scale": "-1..1", "equalized": True}}, "input.size"),
        ({"input": {"size": 224, "scale": "-1..1", "equalized": False}}, "input.equalized"),
        ({"review": {"confidence": 2, "agreement": 0.5}}, "review.confidence"),
        ({"members": [{"file": "../m.tflite", "sha256": SHA, "head": "h.npz", "head_sha256": SHA}]}, "members.0.file"),
        ({"members": [{"file": "m.tflite", "sha256": "", "head": "h.npz", "head_sha256": SHA}]}, "members.0.sha256"),
    ],
)
def test_a_manifest_that_this_program_cannot_follow_is_refused(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    with pytest.raises(SetupError) as fault:
        Release.open(write(tmp_path, **change))
    assert fault.value.code == "model_altered"
    assert named in fault.value.detail


def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff not json")
    with pytest.raises(SetupError, match=r"manifest\.json"):
        Release.open(tmp_path)


def test_a_folder_without_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as fault:
        Release.open(tmp_path)
    assert fault.value.code == "not_a_release"


def test_a_file_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"weights")
    with pytest.raises(SetupError, match=r"model\.h5 is a file.*koa-train export") as fault:
        Release.open(tmp_path / "model.h5")
    assert fault.value.code == "not_a_release"


def test_a_release_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as fault:
        Release.open(tmp_path / "koa-v9")
    assert fault.value.code == "model_missing"


@pytest.mark.parametrize("manifest", ['{"name": "a page", "icons": []}', "[]", "7"])
def test_a_manifest_of_something_else_makes_no_release(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(SetupError) as fault:
        Release.open(tmp_path)
    assert fault.value.code == "not_a_release"


def test_a_file_is_handed_out_only_with_its_own_hash(tmp_path: Path) -> None:
    release = Release.open(write(tmp_path))
    (tmp_path / "m.tflite").write_bytes(b"weights")
    with pytest.raises(SetupError) as fault:
        release.read("m.tflite", SHA)
    assert fault.value.code == "model_altered"
    assert "m.tflite" in fault.value.detail


def test_the_configured_folder_wins(tmp_path: Path) -> None:
    assert model_folder(str(tmp_path)) == tmp_path
    assert model_folder("") == default_model_folder()


def test_the_newest_release_is_taken_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("koa-v2", "koa-v10", "zzz-v9", "koa-v11-draft"):
        write(tmp_path / name)
    (tmp_path / "koa-v99").mkdir()  # without a manifest: not a release
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert default_model_folder().name == "koa-v10"


def test_an_empty_models_folder_is_a_fault_and_no_reason_to_look_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(SetupError) as fault:
        default_model_folder()
    assert fault.value.code == "model_missing"


def test_an_installed_release_goes_before_the_source_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)
    package = tmp_path / "koa_worker"
    package.mkdir()
    monkeypatch.setattr(koa_worker, "__file__", str(package / "__init__.py"))
    write(tmp_path / "models" / "koa-v5")
    assert default_model_folder() == tmp_path / "models" / "koa-v5"
    write(package / "_models" / "koa-v1")
    assert default_model_folder() == package / "_models" / "koa-v1"
    shutil.rmtree(package / "_models")
    assert default_model_folder() == tmp_path / "models" / "koa-v5"
