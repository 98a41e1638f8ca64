"""The original of a study's image, decoded for the viewer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read.viewing.decoder import DecodedFilm, DecoderBusy
from koa_worker.store import StudyRecord
from koa_worker.web.context import context
from koa_worker.web.guard.refusals import refuse

_AGAIN = timedelta(seconds=2)


def film_of(key: str, file_id: str) -> DecodedFilm:
    """The decoded original of an image of this study; the request ends with a refusal if there is none."""
    files = context().store.files
    image, source = files.find(file_id), files.source(file_id)
    if image is None or image.study_key != key or source is None or not source.filed_as:
        refuse(404, "not_found")
    try:
        with opened(source.filed_as) as file:
            return context().decoder.decode(file, source.sha256)
    except DecoderBusy:
        refuse(503, "too_many", _AGAIN)
    except (InputRejected, WorkFailed) as fault:
        refuse(422, fault.code)


def expect(study: StudyRecord) -> None:
    """Starts the decoder, because the originals of this study will be requested next."""
    sources = (context().store.files.source(image.file_id) for image in study.images)
    if any(source is not None and source.filed_as and Path(source.filed_as).is_file() for source in sources):
        context().decoder.warm_up()


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Opens a regular file, but no link, for reading; the request ends with a refusal if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        refuse(404, "not_found")
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            refuse(404, "not_found")
        yield file
    finally:
        os.close(file)
