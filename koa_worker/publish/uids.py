"""The UIDs of result objects: the same result has the same UIDs, whenever and wherever it is made again."""

from __future__ import annotations

import uuid

from koa_worker.publish.result import Document, ImageResult, ResultKind
from koa_worker.values import GradedBy

# An arbitrary namespace; it must never change.
_NAMESPACE = uuid.UUID("5d0c1a55-6e0e-4f7b-9a42-6b6f61776f72")


def derive(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 B.2) that is derived from these parts only."""
    said = "\n".join(str(part) for part in parts)
    return f"2.25.{uuid.uuid5(_NAMESPACE, said).int}"


def of_image_object(kind: ResultKind, sop_uid: str, result: ImageResult) -> str:
    """The UID of an image's object. The original's SHA-256 is a part, because two files may have the same UID."""
    return derive(kind, sop_uid, result.sha256, *_maker(result.graded_by))


def of_document(study_uid: str, document: Document) -> str:
    return derive(ResultKind.PDF, study_uid, *_maker(document.graded_by), document.revision)


def _maker(by: GradedBy) -> tuple[str, ...]:
    """A site's scale is a part only where there is one, so that earlier results keep their UIDs."""
    return (by.digest, by.software, by.site) if by.site else (by.digest, by.software)


def of_series(kind: ResultKind, study_uid: str, digest: str) -> str:
    """One series for each kind of object and each model release."""
    return derive("series", kind, study_uid, digest)
