"""The reasons for a review as JSON in the row of the grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from koa_worker.values import ReviewCode, ReviewReason


def to_json(reasons: Iterable[ReviewReason]) -> list[dict[str, Any]]:
    return [_kept(reason) for reason in reasons]


def from_json(kept: Iterable[Mapping[str, Any]]) -> tuple[ReviewReason, ...]:
    return tuple(_reason(one) for one in kept)


def _kept(reason: ReviewReason) -> dict[str, Any]:
    numbers = {"value": reason.value, "limit": reason.limit}
    known: dict[str, Any] = {name: float(number) for name, number in numbers.items() if number is not None}
    return {"code": str(reason.code), **known, **({"text": reason.text} if reason.text else {})}


def _reason(kept: Mapping[str, Any]) -> ReviewReason:
    """The reason. If a newer version on the same store wrote an unknown code, the code becomes its text."""
    if kept["code"] not in list(ReviewCode):
        return ReviewReason(ReviewCode.OTHER, text=kept["code"])
    return ReviewReason(ReviewCode(kept["code"]), kept.get("value"), kept.get("limit"), kept.get("text", ""))
