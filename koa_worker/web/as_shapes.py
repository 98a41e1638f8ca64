"""The store's values as the JSON API gives them: what names a patient only to whoever may see it."""

from __future__ import annotations

from flask import url_for

from koa_worker.errors import CATALOGUE
from koa_worker.store import FileRecord, State, UploadRecord
from koa_worker.web.access import may_see_patients
from koa_worker.web.shapes import Explained, Upload
from koa_worker.web.upload import is_in_inbox


def to_upload(upload: UploadRecord) -> Upload:
    file = upload.file
    study = file.study_key if file else None
    return Upload(
        id=upload.id,
        state=_state(upload),
        is_duplicate=upload.is_duplicate,
        sha256=upload.sha256,
        size=upload.size,
        name=upload.name if may_see_patients() else None,
        at=upload.at,
        error=explained(file.code, file.detail) if file and _has_fault(file) else None,
        file_id=file.id if file else None,
        study=study,
        url=url_for("api.show_upload", upload_id=upload.id),
        study_url=url_for("study.show", key=study) if study else None,
    )


def explained(code: str | None, detail: str | None) -> Explained:
    entry = CATALOGUE[code or "internal"]
    particular = f" ({detail})" if detail else ""
    return Explained(code=code or "internal", sentence=f"{entry.sentence[:-1]}{particular}.", remedy=entry.remedy)


def _state(upload: UploadRecord) -> str:
    if upload.file is None:
        return "waiting" if is_in_inbox(upload) else "working"
    return upload.file.state.value


def _has_fault(file: FileRecord) -> bool:
    return file.state in {State.REJECTED, State.FAILED}
