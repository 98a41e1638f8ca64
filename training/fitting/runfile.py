"""The run file: all settings and data of a run, so that it can be judged, repeated and safely resumed."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from koa_worker.values import GRADES

from ..data import split
from ..data.layouts import Dataset
from .settings import Settings

PACKAGES = ("keras", "numpy", "opencv-python-headless", "tensorflow", "tensorflow-cpu", "torch", "jax")


def open_run(folder: Path, settings: Settings, dataset: Dataset, *, resume: bool) -> None:
    """Creates the folder of a run, or makes sure that the resumed run is the same."""
    path = folder / "run.json"
    made_of = {"settings": settings.as_dict(), "data": _data(dataset)}
    if path.exists():
        if not resume:
            raise FileExistsError(f"{folder} holds a run already: give --resume, or another --out")
        _compare(json.loads(path.read_text(encoding="utf-8")), made_of)
        return
    folder.mkdir(parents=True, exist_ok=True)
    split.write(dataset, folder / "split.csv")
    _write(path, made_of | {"versions": _versions(), "began": _now()})


def close_run(folder: Path, best: dict[str, Any]) -> None:
    """Records the result of the run."""
    path = folder / "run.json"
    _write(path, json.loads(path.read_text(encoding="utf-8")) | {"ended": _now(), "best": best})


def published(net: Path) -> dict[str, Any]:
    """The content of the run file beside a network, without paths, for publication."""
    file = net.with_name("run.json")
    if not file.is_file():
        return {"net": net.stem}
    run = json.loads(file.read_text(encoding="utf-8"))
    # Paths of initial weights and teacher belong to that machine; only the name of the teacher's release is kept.
    settings = {key: value for key, value in run["settings"].items() if key != "start"}
    if teacher := settings.pop("teacher", ""):
        settings["teacher"] = Path(teacher).name
    else:
        settings.pop("trust", None)
    return {
        "net": f"{net.parent.name}/{net.stem}",
        "settings": settings,
        "data": run["data"],
        "versions": run["versions"],
    }


def _compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    # A run from before a setting existed used its present default.
    settled = Settings().as_dict() | before["settings"]
    differing = [name for name, value in now["settings"].items() if settled[name] != value]
    if before["data"]["digest"] != now["data"]["digest"]:
        differing.append("data")
    if differing:
        raise ValueError(f"the run to resume was made with another {', '.join(differing)}")


def _data(dataset: Dataset) -> dict[str, Any]:
    return {
        "digest": dataset.digest,
        "counts": {
            name: [int((dataset.of(name).grades == grade).sum()) for grade in GRADES]
            for name in ("train", "val", "test")
        },
        "left_out": len(dataset.left_out),
    }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
