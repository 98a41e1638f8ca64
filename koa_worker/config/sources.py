"""The sources of settings besides config.toml: environment variables, and files that contain a secret.

The functions learn the settings' names from the pydantic model that they are given. For an unknown name the error
suggests the nearest known one.
"""

from __future__ import annotations

import difflib
import inspect
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from koa_worker.errors import SetupError

PREFIX = "KOA__"
Key = tuple[str, ...]  # ("store", "url")


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting from an environment variable."""

    name: str
    value: Any = field(repr=False)  # may be a secret


def leaves(model: type[BaseModel], above: Key = ()) -> dict[Key, Any]:
    """Every setting with its type; a list of tables counts as one setting."""
    found: dict[Key, Any] = {}
    for name, described in model.model_fields.items():
        kind = described.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            found |= leaves(kind, (*above, name))
        else:
            found[*above, name] = kind
    return found


def spelled(key: Sequence[str]) -> str:
    """The name of the environment variable for a setting."""
    return PREFIX + "__".join(key).upper()


def from_environment(model: type[BaseModel], environment: Mapping[str, str]) -> dict[Key, Variable]:
    """The settings from the environment variables that begin with KOA__."""
    known = {spelled(key): key for key in leaves(model)}
    kinds = leaves(model)
    found = {}
    for name in sorted(environment):
        if name.startswith(PREFIX):
            if name not in known:
                raise SetupError("config", f"unknown variable {name!r}; {_hint_at_variable(model, name, known)}")
            key = known[name]
            is_list = get_origin(kinds[key]) is tuple
            found[key] = Variable(name, _listed(name, environment[name]) if is_list else environment[name])
    return found


def _listed(name: str, text: str) -> Any:
    """The value of a list, which is written as JSON or as in config.toml."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise SetupError("config", f"{name} is a list; write it as JSON or as in config.toml") from None


def _hint_at_variable(model: type[BaseModel], name: str, known: Iterable[str]) -> str:
    if name.upper() in known:
        return f"did you mean {name.upper()!r}?"
    parts = name.removeprefix(PREFIX).lower().split("__")
    for place, part in enumerate(parts):
        above = parts[:place]
        if spelled(above) in known:  # this one has no parts
            return f"did you mean {spelled(above)!r}?"
        names = keys_at(model, above)
        if part not in names:
            near = difflib.get_close_matches(part, names, n=1)
            if near:
                return f"did you mean {spelled([*above, near[0], *parts[place + 1 :]])!r}?"
            return f"known names are {', '.join(spelled([*above, other]) for other in names)}"
    return f"it is a section; its settings are {', '.join(spelled([*parts, key]) for key in keys_at(model, parts))}"


def hint(name: str, known: Sequence[str]) -> str:
    """The suggestion for a mistyped key."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known names are {', '.join(known)}"


def keys_at(model: type[BaseModel], where: Sequence[str]) -> list[str]:
    """The keys of a section."""
    section: Any = model
    for name in where:
        if not name.isdigit():  # an index of a list, whose members all have the same type
            section = section.model_fields[name].annotation
            section = next(iter(get_args(section)), section)
    return list(section.model_fields)


def look_up(table: Mapping[str, Any], key: Key) -> Any:
    """The value of a setting in nested tables; None if it is not set."""
    found: Any = table
    for name in key:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def put(table: dict[str, Any], key: Key, value: Any) -> None:
    """Sets a value in nested tables. If a plain value is in the place of a section, validation reports it later."""
    for name in key[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return
    table[key[-1]] = value


def drop(table: dict[str, Any], key: Key) -> None:
    section = look_up(table, key[:-1])
    if isinstance(section, dict):
        section.pop(key[-1], None)


def read_secret(setting: str, path: Path) -> str:
    """The only line of a file, as Docker, Kubernetes and systemd provide secrets. No error text contains any of it."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise SetupError("secret_file", f"{setting}, {path}: {fault.strerror}") from fault
    except UnicodeDecodeError:
        raise SetupError("secret_file", f"{setting}, {path}: it is not UTF-8 text") from None
    if len(text.splitlines()) != 1:
        raise SetupError("secret_file", f"{setting}, {path}: it {'contains several lines' if text else 'is empty'}")
    return text
