"""Reads the settings from config.toml and the environment; for an unknown key the error names the nearest known one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import koa_worker
from koa_worker.config.settings import Config
from koa_worker.config.sources import Key, Variable, drop, from_environment, hint, keys_at, leaves, look_up, put
from koa_worker.errors import SetupError

DEFAULT_FILE = Path("config.toml")
_URL, _URL_FILE = ("store", "url"), ("store", "url_file")


@dataclass(frozen=True, slots=True)
class TracedConfig:
    """The settings, and the source of each one that is not a default."""

    config: Config
    origins: dict[Key, str]


def load(path: Path | None = None) -> Config:
    """The settings from the file `path`. Without a path: from ./config.toml if it exists, else the defaults.

    Environment variables override both.
    """
    return trace(path).config


def trace(path: Path | None = None) -> TracedConfig:
    """The same as `load`, with the source of each setting."""
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    table = _read(path) if path else {}
    variables = from_environment(Config, os.environ)
    origins = {key: f"file {path}" for key in leaves(Config) if look_up(table, key) is not None}
    _choose_where_the_address_is(table, variables)
    for key, variable in variables.items():
        put(table, key, variable.value)
        origins[key] = f"variable {variable.name}"
    try:
        settings = Config.model_validate(table).below(path.absolute().parent if path else Path.cwd())
    except ValidationError as fault:
        raise SetupError(
            "config", _first_fault(fault, variables, path)
        ) from None  # pydantic's own error would quote the value
    origins = {key: origin for key, origin in origins.items() if look_up(table, key) is not None}
    if settings.store.url_file:
        origins[_URL] = f"secret file {settings.store.url_file}"
    return TracedConfig(settings, origins)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as fault:
        raise SetupError("config", f"{path}: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SetupError("config", f"{path} is not TOML: {fault}") from fault


def _choose_where_the_address_is(table: dict[str, Any], variables: Mapping[Key, Variable]) -> None:
    """Allows either url or url_file in one source, not both. A variable for one replaces both lines of config.toml."""
    if look_up(table, _URL) is not None and look_up(table, _URL_FILE):
        raise SetupError("config", "[store] has both url and url_file; remove one of them")
    if _URL in variables and _URL_FILE in variables and variables[_URL_FILE].value:
        names = f"{variables[_URL].name} and {variables[_URL_FILE].name}"
        raise SetupError("config", f"both {names} are set; remove one of them")
    if _URL in variables or (_URL_FILE in variables and variables[_URL_FILE].value):
        drop(table, _URL)
        drop(table, _URL_FILE)


def commented_defaults() -> str:
    """The text of a configuration file with every setting, its default and its meaning."""
    package = Path(koa_worker.__file__).parent
    installed, in_source_tree = package / "_config.toml", package.parent / "config.toml"
    return (installed if installed.exists() else in_source_tree).read_text(encoding="utf-8")


def _first_fault(fault: ValidationError, variables: Mapping[Key, Variable], path: Path | None) -> str:
    first = fault.errors()[0]
    where = [str(part) for part in first["loc"]]
    for key, variable in variables.items():
        if tuple(where[: len(key)]) == key:
            path, rest = None, where[len(key) :]
            place = ".".join([variable.name, *rest])
            break
    else:
        place = ".".join(where)
    before = f"{path}: " if path else ""
    if first["type"] != "extra_forbidden":
        return f"{before}{place}: {first['msg']}"
    return f"{before}unknown key {place!r}; {hint(where[-1], keys_at(Config, where[:-1]))}"
