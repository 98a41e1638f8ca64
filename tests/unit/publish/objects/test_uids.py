"""Equal contents have equal UIDs, and different contents have different UIDs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from koa_worker.publish.objects import uids
from koa_worker.publish.objects.result import Document, ImageResult, ResultKind
from koa_worker.values import GradedBy

AT = datetime(2026, 1, 1, tzinfo=UTC)
BY = GradedBy("net-v1", "d1", "1.0")
RESULT = ImageResult("pixels", ("shown", "header"), 1, 100, 100, b"", (), BY, AT)
DOCUMENT = Document(b"%PDF", 2, BY, AT, ("1.2.3", "shown", "header"))


def of(result: ImageResult, kind: ResultKind = ResultKind.STRUCTURED_REPORT, sop_uid: str = "1.2.3") -> str:
    return uids.of_image_object(kind, sop_uid, result)


@pytest.mark.parametrize(
    "other",
    [
        {"content": ("other", "header")},
        {"content": ("shown", "other")},
        {"graded_by": replace(BY, digest="d2")},
        {"graded_by": replace(BY, software="1.1")},
        {"graded_by": replace(BY, site="calibration")},
    ],
    ids=str,
)
def test_other_content_is_another_object(other: dict[str, Any]) -> None:
    assert of(replace(RESULT, **other)) != of(RESULT)
    also = {name: value for name, value in other.items() if name != "content"}
    document = replace(DOCUMENT, **also, content=("1.2.3", *other.get("content", RESULT.content)))
    assert uids.of_document("1.2", document) != uids.of_document("1.2", DOCUMENT)


def test_each_kind_and_each_original_has_its_own() -> None:
    assert len({of(RESULT), of(RESULT, ResultKind.SECONDARY_CAPTURE), of(RESULT, sop_uid="1.2.4")}) == 3


def test_the_same_content_made_again_is_the_same_object() -> None:
    assert of(replace(RESULT, made_at=datetime(2026, 2, 2, tzinfo=UTC), number=7)) == of(RESULT)


def test_the_form_of_an_object_is_a_part_of_its_uid_and_no_site_adds_nothing() -> None:
    form = uids._FORMS[ResultKind.STRUCTURED_REPORT]
    assert of(replace(RESULT, content=("aa",))) == uids.derive("structured_report", form, "1.2.3", "aa", "d1", "1.0")
    old = replace(DOCUMENT, content=())
    form = uids._FORMS[ResultKind.PDF]
    assert uids.of_document("1.2", old) == uids.derive("pdf", form, "1.2", "d1", "1.0", 2)


def test_a_report_that_names_the_capture_is_another_one() -> None:
    assert of(replace(RESULT, explained=True)) != of(RESULT)
    kind = ResultKind.SECONDARY_CAPTURE
    assert of(replace(RESULT, explained=True), kind) == of(RESULT, kind)
