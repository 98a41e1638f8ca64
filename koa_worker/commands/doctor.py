"""Checks what the worker needs before it starts; each error says what to do about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from koa_worker import config
from koa_worker.config import Config
from koa_worker.errors import KoaError, SetupError
from koa_worker.intake import prepare_folders
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store

_LEAST_FREE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    fine: bool
    says: str


def check(config_file: Path | None) -> list[Check]:
    """One finding for each thing that the worker needs; all but the first need the configuration."""
    try:
        settings = config.load(config_file)
    except SetupError as fault:
        return [Check("configuration", False, str(fault))]
    checks: dict[str, Callable[[Config], str]] = {
        "folders": _folders,
        "disk": _disk,
        "database": _database,
        "model": _model,
    }
    return [Check("configuration", True, "readable")] + [_find(what, probe, settings) for what, probe in checks.items()]


def _find(what: str, probe: Callable[[Config], str], settings: Config) -> Check:
    try:
        return Check(what, True, probe(settings))
    except KoaError as fault:
        return Check(what, False, str(fault))


def _folders(settings: Config) -> str:
    prepare_folders(settings.folders)
    for name, folder in settings.folders.all().items():
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SetupError("folders", f"no read and write permission for {name}: {folder}")
    return "separate, private, on one file system"


def _disk(settings: Config) -> str:
    free = shutil.disk_usage(settings.folders.reports).free / 1e9
    if free < _LEAST_FREE_GB:
        raise SetupError("folders", f"only {free:.1f} GB free in the reports folder")
    return f"{free:.0f} GB free"


def _database(settings: Config) -> str:
    with Store.open(settings.store.url) as store:
        graded = store.counts.status().done_today
    return f"answers, schema up to date, {graded} graded today"


def _model(settings: Config) -> str:
    grader = Pipeline.load(settings).grader
    site = f", on the site's scale {grader.graded_by.site[:12]}" if settings.model.site else ""
    return f"{grader.name}, every file matches the manifest ({grader.digest[:12]}){site}"
