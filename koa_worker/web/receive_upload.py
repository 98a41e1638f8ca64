"""Writes one file from a browser or a script into the inbox, as an exporting PACS would.

The file is written under a hidden name, which the intake ignores, and is renamed when all of it is on the disk. The new
name is neutral: the name that the user's machine gives the file goes only into the store.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from flask import g, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from koa_worker.config import Config
from koa_worker.store import UploadRecord
from koa_worker.system import durable
from koa_worker.system.disk import free_mb
from koa_worker.values import new_id
from koa_worker.web.context import context
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.refusals import refuse

_PREFIX, _PART = "upload-", ".part"
_CHUNK = 1 << 18
_MINUTE = timedelta(minutes=1)
# The file name extension only helps a person who looks into the inbox; the intake decides by content.
_ENDINGS = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"BM", ".bmp"))


@dataclass(slots=True)
class _Laid:
    """Size, hash and extension of a file, known once its last byte is written."""

    size: int = 0
    sha256: str = ""
    ending: str = ".dcm"


def take() -> UploadRecord:
    """Writes the body of this request into the inbox; refuses it if it exceeds a limit."""
    if not request.content_length and "chunked" not in request.headers.get("Transfer-Encoding", ""):
        refuse(400, "empty_file")
    request.max_content_length = most_bytes() + 1  # one byte more shows that the file is too large
    return take_from(request.stream, _said_name())


def take_from(source: IO[bytes], name: str) -> UploadRecord:
    """Writes one file into the inbox; `name` is the sender's name for it."""
    config, store = context().config, context().store
    _check_room(config)
    upload_id, laid = new_id(), _Laid()
    part = config.folders.inbox / f".{_PREFIX}{upload_id}{_PART}"
    try:
        with durable.private_file(part, exclusive=True) as stream:
            _copy(source, stream, laid)
        landed_as = f"{_PREFIX}{upload_id}{laid.ending}"
        upload = UploadRecord(
            upload_id, laid.sha256, laid.size, name[:255], landed_as, g.user.name, store.uploads.now()
        )
        store.uploads.record(upload)
        note("upload", upload_id)
        durable.put_in_place(part, config.folders.inbox / landed_as)
    finally:
        part.unlink(missing_ok=True)
    return upload


def is_in_inbox(upload: UploadRecord) -> bool:
    return (context().config.folders.inbox / upload.landed_as).exists()


def sweep(config: Config) -> None:
    """Removes files that a kill left incomplete; their senders got no success answer."""
    before = time.time() - 2 * config.web.upload_seconds
    durable.sweep(config.folders.inbox, f".{_PREFIX}*{_PART}", lambda part: part.stat().st_mtime < before)


def _check_room(config: Config) -> None:
    settings, store = config.web, context().store
    if store.uploads.waiting() >= settings.max_waiting:
        refuse(503, "no_room", _MINUTE)
    if free_mb(config.folders.inbox) < config.limits.min_free_mb:
        refuse(507, "no_room")
    still = store.rate_limits.use(f"upload:{g.user.name}", settings.uploads_per_minute, _MINUTE)
    if still:
        refuse(429, "too_many", still)


def most_bytes() -> int:
    """The largest allowed file size, in bytes."""
    return context().config.limits.max_file_mb * 1_000_000


def _copy(source: IO[bytes], stream: IO[bytes], laid: _Laid) -> None:
    most, until = most_bytes(), time.monotonic() + context().config.web.upload_seconds
    digest = hashlib.sha256()
    try:
        while chunk := source.read(_CHUNK):
            if not laid.size:
                laid.ending = _ending(chunk)
            laid.size += len(chunk)
            if laid.size > most:
                refuse(413, "too_large")
            if time.monotonic() > until:
                refuse(408, "too_slow")
            digest.update(chunk)
            stream.write(chunk)
    except RequestEntityTooLarge:
        refuse(413, "too_large")
    except ClientDisconnected:
        refuse(400, "truncated")
    if not laid.size:
        refuse(400, "empty_file")
    laid.sha256 = digest.hexdigest()


def _ending(start: bytes) -> str:
    return next((ending for magic, ending in _ENDINGS if start.startswith(magic)), ".dcm")


def _said_name() -> str:
    """The file name from Content-Disposition. A name in the URL would be logged and cached, a header is not."""
    _, options = parse_options_header(request.headers.get("Content-Disposition", ""))
    return options.get("filename", "")
