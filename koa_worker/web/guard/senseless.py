"""Refuses requests that none of our pages sends: two host names, or values that a database cannot store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from flask import Flask, request

from koa_worker.web.guard.refusals import refuse

LARGEST_NUMBER = (1 << 31) - 1
_FORM = "application/x-www-form-urlencoded"


def guard(app: Flask) -> None:
    """Checks first, because an unknown caller can reach the database too, by the name in a login."""
    app.before_request(_refuse_senseless)


def _refuse_senseless() -> None:
    numbers = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    # The server joins headers of one name with commas, which no host name contains.
    if "," in request.headers.get("Host", "") or any(number > LARGEST_NUMBER for number in numbers):
        refuse(400, "bad_request")
    if any("\0" in text for text in _texts()):
        refuse(400, "bad_request")


def _texts() -> Iterator[str]:
    yield request.path
    yield from _all(request.args.items(multi=True))
    if request.mimetype == _FORM:
        yield from _all(request.form.items(multi=True))
    elif request.is_json:
        said = json.dumps(request.get_json(silent=True, cache=True))
        yield "\0" if "\\u0000" in said else ""


def _all(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for pair in pairs:
        yield from pair
