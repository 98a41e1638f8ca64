"""The answer to a refused request: a code, a sentence and a remedy, as a page or as JSON."""

from __future__ import annotations

import logging
from datetime import timedelta
from math import ceil
from typing import NoReturn

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from koa_worker.errors import CATALOGUE, WorkFailed
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

API = "/api/"
LARGEST_FORM = 64 * 1024  # bytes in the body of a request; uploads have their own limit
# Errors that Flask raises by itself.
_CODES = {401: "not_logged_in", 403: "not_allowed", 404: "not_found", 413: "too_large", 500: "internal"}


class Refusal(Exception):
    """Ends a request with a code of the catalogue."""

    def __init__(self, status: int, code: str, wait: timedelta | None = None) -> None:
        super().__init__(status, code)
        self.status, self.code, self.wait = status, code, wait


def refuse(status: int, code: str, wait: timedelta | None = None) -> NoReturn:
    raise Refusal(status, code, wait)


def explained(app: Flask) -> None:
    """Makes the application answer every error with a code of the catalogue."""
    app.register_error_handler(Refusal, lambda fault: _answer(fault.status, fault.code, fault.wait))
    app.register_error_handler(HTTPException, _of_library)
    app.register_error_handler(WorkFailed, _of_ours)
    app.register_error_handler(Exception, _unforeseen)


def as_json(code: str) -> dict[str, dict[str, str]]:
    entry = CATALOGUE[code]
    return {"error": {"code": code, "sentence": entry.sentence, "remedy": entry.remedy}}


def _of_library(fault: HTTPException) -> Response:
    status = fault.code or 500
    if status < 400:
        return make_response(fault.get_response())
    answer = _answer(status, _CODES.get(status, "bad_request"))
    for name, value in fault.get_headers():
        if name == "Allow":
            answer.headers[name] = value
    return answer


def _of_ours(fault: WorkFailed) -> Response:
    what = "request refused: database unavailable" if fault.code == "store" else "request refused"
    logger.warning(what, extra={"code": fault.code, "fault": where(fault)})
    return _answer(503, fault.code, timedelta(seconds=5))


def _unforeseen(fault: Exception) -> Response:
    logger.error("request failed", extra={"endpoint": request.endpoint, "fault": where(fault)})
    return _answer(500, "internal")


def _answer(status: int, code: str, wait: timedelta | None = None) -> Response:
    if request.path.startswith(API):
        answer = jsonify(as_json(code))
    else:
        answer = make_response(render_template("refused.html", entry=CATALOGUE[code]))
    answer.status_code = status
    if wait is not None:
        answer.headers["Retry-After"] = str(max(1, ceil(wait.total_seconds())))
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="koa-worker"'
    return answer
