"""Checks everything that the worker needs, and changes nothing; each error has a remedy."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from koa_worker import config
from koa_worker.commands import doctor_network
from koa_worker.config import Config
from koa_worker.errors import KoaError, SetupError
from koa_worker.health import CLOCK_TOLERANCE, last_success
from koa_worker.intake import check_folders, existing
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store

_STUDY_MB = 40  # of a study: two originals, their images in the database, a report and its result objects
_PATIENCE_SECONDS = 10.0


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
    account = _find("account", _account, settings)
    if not account.fine:  # checks by another account would be meaningless
        return [account]
    checks: dict[str, Callable[[Config], str]] = {
        "folders": _folders,
        "disk": _disk,
        "database": _database,
        "model": _model,
        "clock": _clock,
        **({"sign-on": _sign_on} if settings.web.sign_on_header else {}),
        **doctor_network.checks(settings),
    }
    found = [_find(what, probe, settings) for what, probe in checks.items()]
    return [Check("configuration", True, "readable"), account, *found]


def _find(what: str, probe: Callable[[Config], str], settings: Config) -> Check:
    try:
        return Check(what, True, probe(settings))
    except KoaError as fault:
        return Check(what, False, str(fault))
    except OSError as fault:
        return Check(what, False, f"{fault.strerror or type(fault).__name__}. Check that the account may use it.")


def _account(settings: Config) -> str:
    """Only the account that owns the store may run the worker."""
    ours, owner = os.geteuid(), _owner(settings)
    if owner is not None and owner != ours:
        name = _name(owner)
        raise SetupError(
            "account", f"the database or the work folder belongs to {name}, and this is {_name(ours)}: sudo -u {name}"
        )
    return f"{_name(ours)}, the owner" if owner is not None else f"{_name(ours)}; nothing belongs to anybody yet"


def _owner(settings: Config) -> int | None:
    for path in (_sqlite_file(settings), settings.folders.work):
        try:
            if path is not None:
                return path.stat().st_uid
        except FileNotFoundError:
            continue
        except OSError:
            return None  # the other checks report the problem
    return None


def _sqlite_file(settings: Config) -> Path | None:
    try:
        place = make_url(settings.store.url)
    except (ArgumentError, ValueError):
        return None
    return Path(place.database) if place.get_backend_name() == "sqlite" and place.database else None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _folders(settings: Config) -> str:
    missing, owners = [], set()
    for name, folder in settings.folders.all().items():
        if folder.is_symlink():
            raise SetupError("folders", f"{name} is a symbolic link: {folder}")
        if not folder.exists():
            place = existing(folder)
            if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
                raise SetupError("folders", f"{name} cannot be made in {place}")
            missing.append(name)
            continue
        if not folder.is_dir():
            raise SetupError("folders", f"{name} is not a folder: {folder}")
        if name != "inbox":  # the inbox belongs to the exporter
            owners.add(_name(folder.stat().st_uid))
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SetupError("folders", f"no read and write permission for {name}: {folder}")
    check_folders(settings.folders)
    told = ["separate, on one file system"]
    told += [f"belong to {' and '.join(sorted(owners))}"] if owners else []
    told += [f"`run` will make {', '.join(missing)}"] if missing else []
    return "; ".join(told)


def _disk(settings: Config) -> str:
    places = {existing(folder) for folder in (settings.folders.work, settings.folders.reports)}
    free = min(shutil.disk_usage(place).free for place in places) / 1e6
    above = free - settings.limits.min_free_mb
    if above < _STUDY_MB:
        raise SetupError(
            "folders", f"only {free / 1e3:.1f} GB free; [limits] min_free_mb is {settings.limits.min_free_mb}"
        )
    return f"{free / 1e3:.0f} GB free, room for about {above / _STUDY_MB:.0f} studies of {_STUDY_MB} MB"


def _database(settings: Config) -> str:
    try:
        with Store.look(settings.store.url, patience=_PATIENCE_SECONDS) as store:
            graded = store.counts.status().done_today
    except SetupError as fault:
        if fault.code == "store_missing":
            return "not there yet; `run` will make it"
        raise
    return f"answers, schema up to date, {graded} graded today"


def _model(settings: Config) -> str:
    grader = Pipeline.load(settings).grader
    site = f", on the site's scale {grader.graded_by.site[:12]}" if settings.model.site else ""
    return f"{grader.name}, every file matches the manifest ({grader.digest[:12]}){site}"


def _sign_on(settings: Config) -> str:
    from koa_worker.web.guard.sign_on import SignOn

    SignOn.of(settings.web)
    return f"the proxy at {settings.web.proxy} names users in {settings.web.sign_on_header}"


def _clock(settings: Config) -> str:
    """The working hours are in local time, all stored times in UTC."""
    now = datetime.now(UTC)
    try:
        with Store.look(settings.store.url, patience=_PATIENCE_SECONDS) as store:
            last = last_success(store.counts.last_successes())
    except KoaError:
        last = None  # the check of the database reports why
    if last is not None and last > now + CLOCK_TOLERANCE:
        raise SetupError("clock", f"it says {now:%Y-%m-%d %H:%M} UTC, and something was done at {last:%Y-%m-%d %H:%M}")
    local = now.astimezone()
    hours = settings.work.run_between
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()} (UTC{local:%z}){f', run_between {hours}' if hours else ''}"
