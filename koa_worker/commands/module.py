"""Runs as a processing module of mercure, or of a program with the same interface: one folder in, one folder out.

MERCURE_IN_DIR   the DICOM files, and task.json with process.settings
MERCURE_OUT_DIR  the result objects, and result.json with the grades
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from koa_worker import RESEARCH_NOTICE
from koa_worker.commands.in_place import process_paths
from koa_worker.commands.json_line import to_line
from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.pipeline import Pipeline
from koa_worker.publish.objects.result import CHOSEN
from koa_worker.values import Failed

_KINDS = tuple(kind.value for kind in CHOSEN)
_MOST_OF_A_TASK = 10 << 20  # bytes


def run(config: Config) -> bool:
    """Whether every file was processed; a file that is not a knee counts as processed."""
    folders = [os.environ.get(f"MERCURE_{name}_DIR", "") for name in ("IN", "OUT")]
    if not all(folder and Path(folder).is_dir() for folder in folders):
        raise SetupError("config", "MERCURE_IN_DIR and MERCURE_OUT_DIR must be folders")
    source, target = map(Path, folders)
    settings = _with_task(config, source / "task.json")
    pipeline = Pipeline.load(settings)
    files = sorted(path for path in source.rglob("*.dcm") if path.is_file())
    lines, worked = [], True
    for result in process_paths(files, settings, pipeline, out=None, debug_roi=None, dicom=target):
        worked &= not isinstance(result.outcome, Failed)
        lines.append(to_line(result.outcome, result.path.relative_to(source), pipeline.grader.name, result.report))
    said = {"notice": RESEARCH_NOTICE, "model": pipeline.grader.name, "images": lines}
    (target / "result.json").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    return worked


def _with_task(config: Config, path: Path) -> Config:
    """The kinds of objects that the task asks for: `true` or `false` for each."""
    wanted = _settings(path)
    unknown = sorted(set(wanted) - set(_KINDS))
    if unknown:
        raise SetupError("config", f"task.json: unknown setting {unknown[0]!r}; there are {', '.join(_KINDS)}")
    if not all(isinstance(value, bool) for value in wanted.values()):
        raise SetupError("config", "task.json: each setting is true or false")
    results = config.dicom.results.model_copy(update=wanted)
    return config.model_copy(update={"dicom": config.dicom.model_copy(update={"results": results})})


def _settings(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        with path.open("rb") as stream:
            task = json.loads(stream.read(_MOST_OF_A_TASK))
    except (OSError, ValueError):
        raise SetupError("config", "task.json cannot be read") from None
    step = task.get("process") if isinstance(task, dict) else None
    step = step[0] if isinstance(step, list) and step else step  # several modules in a row: this one is the first
    found = step.get("settings") if isinstance(step, dict) else None
    return found if isinstance(found, dict) else {}
