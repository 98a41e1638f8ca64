"""Blind readers: the answers of the model and of others for a study are hidden until they have read all its knees."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, g

from koa_worker.store import StudyRecord
from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.visitor import Visitor

View = TypeVar("View", bound=Callable[..., Any])

EVERYBODY = "*"


def guard(app: Flask) -> None:
    app.context_processor(lambda: {"is_blind": is_blind})


def is_blind() -> bool:
    """Whether the user reads blind; `[web] blind_readers` names those of the users who may read."""
    user: Visitor | None = g.get("user")
    named = context().config.web.blind_readers
    return user is not None and user.role.may(Role.READ) and (EVERYBODY in named or user.name in named)


def hides(key: str) -> bool:
    """Whether the answers for this study are still hidden from the user. A withdrawn reading does not hide them."""
    return is_blind() and bool(context().store.reader_grades.left_to_read(key, g.user.name, with_withdrawn=True))


def hides_earlier(study: StudyRecord) -> bool:
    """Whether a comparison with earlier exams would show the user answers that are still hidden."""
    return is_blind() and any(hides(exam.study_key) for exam in study.exams.earlier)


def counts_as_blind(key: str) -> bool:
    """Whether a reading that the user makes now is blind: the answers are hidden, and were never shown to the user."""
    return hides(key) and not context().store.reader_grades.was_shown(key, g.user.name)


def not_before_reading(view: View) -> View:
    """Refuses a view of one study, `key`, while its answers are hidden from the user."""
    return _refusing(view, lambda named: hides(named["key"]))


def not_for_blind(view: View) -> View:
    """Refuses a view that shows the answers of many studies."""
    return _refusing(view, lambda _: is_blind())


def _refusing(view: View, is_hidden: Callable[[dict[str, Any]], bool]) -> View:
    @wraps(view)
    def guarded(*args: Any, **named: Any) -> Any:
        if is_hidden(named):
            refuse(403, "blind_reading")
        return view(*args, **named)

    return guarded  # type: ignore[return-value]
