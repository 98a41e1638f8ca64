"""The UIDs of result objects: the same result always has the same UIDs, on any machine."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from koa_worker.publish.objects.result import Document, ImageResult, ResultKind
from koa_worker.values import GradedBy

# An arbitrary namespace; it must never change.
_NAMESPACE = uuid.UUID("5d0c1a55-6e0e-4f7b-9a42-6b6f61776f72")


# The version of an object's form. A program that makes another form of the same results must increase it.
_FORMS = {
    ResultKind.STRUCTURED_REPORT: 3,
    ResultKind.SECONDARY_CAPTURE: 2,
    ResultKind.PRESENTATION: 2,
    ResultKind.PDF: 2,
}


def derive(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 B.2) that is derived from these parts only."""
    said = "\n".join(str(part) for part in parts)
    return f"2.25.{uuid.uuid5(_NAMESPACE, said).int}"


def of_image_object(kind: ResultKind, sop_uid: str, result: ImageResult) -> str:
    """The UID of an image's object: other pixels, another header or another calibration make another object.

    The part of a structured report about other images and earlier exams changes its UID too.
    """
    by, context = result.graded_by, _context(result) if kind is ResultKind.STRUCTURED_REPORT else ()
    return derive(kind, _FORMS[kind], sop_uid, *result.content, by.digest, by.software, *_known(by.site), *context)


def of_document(study_uid: str, document: Document) -> str:
    by = document.graded_by
    rest = (*document.content, *_known(by.site))
    return derive(ResultKind.PDF, _FORMS[ResultKind.PDF], study_uid, by.digest, by.software, document.revision, *rest)


def of_rejection_note(rejected: Sequence[str]) -> str:
    return derive(ResultKind.REJECTION_NOTE, *rejected)


def of_series(kind: ResultKind, study_uid: str, digest: str, revision: int = 1) -> str:
    """One series for each kind of object and each model release.

    A series has one description, and that of a report names its revision: each later revision has its own series.
    """
    return derive("series", kind, study_uid, digest, *([revision] if revision > 1 else []))


def of_program(graded_by: GradedBy) -> str:
    return derive("program", graded_by.software)


def of_model(graded_by: GradedBy) -> str:
    """The UID of the exact weights, and of the site's scale on them."""
    return derive("model", graded_by.digest, *_known(graded_by.site))


def _context(result: ImageResult) -> tuple[object, ...]:
    """The part of the UID for other images, and for the reference to the capture with the heatmaps."""
    return (*result.context, *(("explained",) if result.explained else ()))


def _known(site: str) -> tuple[str, ...]:
    """The part of the UID for a site's scale; empty without one."""
    return (site,) if site else ()
