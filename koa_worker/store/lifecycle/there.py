"""What the store has already of a graded file, asked in one statement: most files are the first in every way."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from koa_worker import __version__
from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import FileRow, StudyRow
from koa_worker.store.encoding.encoded import EncodedResult
from koa_worker.store.lifecycle.results import EARLIER_WITH_SAME_UID, KNOWN_MODEL, Maker, There
from koa_worker.store.lifecycle.same_image import SAME_IMAGE
from koa_worker.store.lifecycle.steps import TWIN

_STUDY = select(StudyRow.key).where(StudyRow.study_uid == bindparam("study_uid"))
_THERE = select(
    TWIN.label("twin"),
    SAME_IMAGE.scalar_subquery().label("image"),
    _STUDY.scalar_subquery().label("study"),
    EARLIER_WITH_SAME_UID.scalar_subquery().label("same_uid"),
    KNOWN_MODEL.scalar_subquery().label("model"),
)


def ask_what_is_there(session: Session, file: FileRow, result: EncodedResult, maker: Maker) -> There:
    """Whatever it does not name is not there; what it names may still not count."""
    asked = {
        "sha256": file.sha256,
        "version": __version__,
        "sop_uid": storable(result.study.sop_uid),
        "study_uid": storable(result.study.study_uid),
        "pixels_digest": result.frame.fingerprint.pixels,
        "of_digest": maker.model_digest,
    }
    return There(*session.connection().execute(_THERE, asked).one())
