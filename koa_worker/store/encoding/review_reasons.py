"""The reasons to look at a knee as the JSON that is kept beside its grade."""

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
    """A code of a newer version that works on the same store is all that can be told of its reason."""
    if kept["code"] not in list(ReviewCode):
        return ReviewReason(ReviewCode.OTHER, text=kept["code"])
    return ReviewReason(ReviewCode(kept["code"]), kept.get("value"), kept.get("limit"), kept.get("text", ""))
