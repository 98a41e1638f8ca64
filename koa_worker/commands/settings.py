"""The output of `config --show`: every setting in effect and its source, as TOML, without any secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from koa_worker.config import Config, TracedConfig
from koa_worker.config.sources import leaves

HIDDEN = "***"
# Parameters of a libpq URL that contain no secret; all others are hidden.
_OPEN_PARAMETERS = {"application_name", "connect_timeout", "dbname", "host", "port", "sslmode", "sslrootcert", "user"}
_WIDTH = 48  # the column of the comments, unless the value is longer


def as_toml(traced: TracedConfig) -> str:
    """The settings as a valid configuration file, except for hidden values."""
    return "\n".join(_lines(traced)) + "\n"


def _lines(traced: TracedConfig) -> Iterator[str]:
    for number, (section, keys) in enumerate(groupby(leaves(Config), key=lambda key: key[:-1])):
        if number:
            yield ""
        yield f"[{'.'.join(section)}]"
        for key in keys:
            value: Any = traced.config
            for name in key:
                value = getattr(value, name)
            shown = _literal(without_secrets(value) if key == ("store", "url") else value)
            yield f"{f'{key[-1]} = {shown}':<{_WIDTH - 1}} # {traced.origins.get(key, 'default')}"


def _literal(value: Any) -> str:
    """The value in the syntax of TOML."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_literal(of)}' for name, of in value.items())} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(_literal(one) for one in value)}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def without_secrets(url: str) -> str:
    """The URL of a database without its password and without parameters that may contain one.

    A URL with two @ is hidden completely, because a part of its password would be shown as the host.
    """
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        return HIDDEN
    if url.startswith("sqlite:///"):
        return url
    if url.count("@") > 1:
        return HIDDEN
    kept = {name: of if name in _OPEN_PARAMETERS else HIDDEN for name, of in place.query.items()}
    if place.password is not None:
        place = place.set(password=HIDDEN)
    return place.set(query=kept).render_as_string(hide_password=False).replace("%2A", "*")
