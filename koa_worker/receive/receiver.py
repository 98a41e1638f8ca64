"""The C-STORE provider: it accepts known callers, stores their radiographs, and answers success only when stored."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

import pydicom
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from koa_worker.config import Receiver
from koa_worker.errors import SetupError
from koa_worker.receive import offers
from koa_worker.receive.callers import Caller, admitted
from koa_worker.receive.landing import land, sweep
from koa_worker.system.dicom_associations import AssociationServer, awaits_our_answer, line_of, set_up_pynetdicom
from koa_worker.system.dicom_libraries import set_up_pydicom
from koa_worker.system.log import where

set_up_pydicom()
set_up_pynetdicom()

logger = logging.getLogger(__name__)

# PS3.4 B.2.3: the status codes that a sender gets.
SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
OUT_OF_RESOURCES = 0xA700
NOT_AS_ANNOUNCED = 0xA900
CANNOT_UNDERSTAND = 0xC000

_CALLER_NOT_KNOWN = (
    0x01,
    0x01,
    0x03,
)  # rejected-permanent, by the service user, calling AE title not recognised: PS3.8 9.3.4
_SECONDS_TO_REJECT = 5.0
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def receiving(settings: Receiver, inbox: Path, max_file_mb: int) -> Iterator[int]:
    """Receives inside the context: objects of known callers arrive in the inbox. Gives the port."""
    sweep(inbox)
    desk = _Desk(settings, inbox, max_file_mb * 1_000_000)
    application = AE(settings.ae_title)
    application.require_called_aet = True
    application.maximum_associations = settings.max_associations
    application.acse_timeout = application.dimse_timeout = settings.timeout_seconds
    application.network_timeout = settings.timeout_seconds
    for storage_class in offers.STORAGE_CLASSES:
        application.add_supported_context(storage_class, list(offers.TRANSFER_SYNTAXES))
    application.add_supported_context(offers.VERIFICATION)
    server = _open(application, settings, desk)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="receiver", daemon=True)
    thread.start()
    port = int(server.server_address[1])
    logger.info("DICOM receiver listening", extra={"ae_title": settings.ae_title, "port": port})
    try:
        yield port
    finally:
        server.stop()
        thread.join()
        for association in application.active_associations:
            association.abort()


class _Door(AssociationServer):
    """A server that refuses connections from unknown addresses, and logs what went wrong with a connection."""

    def __init__(self, *words: Any, callers: tuple[Caller, ...], **options: Any) -> None:
        self._callers = callers
        super().__init__(*words, **options)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        address = str(client_address[0])
        known = any(caller.admits(caller.ae_title, address) for caller in self._callers)
        if not known:
            logger.warning("connection refused", extra={"address": address})
        return known

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Called within the `except` of a connection. The library's own method would print what the error quotes."""
        fault = sys.exception()
        logger.error(
            "connection failed", extra={"address": str(client_address[0]), "fault": where(fault) if fault else ""}
        )


class _Desk:
    """The handlers for the events of an association."""

    def __init__(self, settings: Receiver, inbox: Path, most_bytes: int) -> None:
        self.callers = tuple(map(Caller.parse, settings.callers))
        self._inbox = inbox
        self._most_bytes = most_bytes
        # Bytes received since the last complete object.
        self._taken: WeakKeyDictionary[Association, int] = WeakKeyDictionary()

    def handlers(self) -> list[tuple[Any, Any]]:
        return [
            (evt.EVT_REQUESTED, self.admit),
            (evt.EVT_DATA_RECV, self.weigh),
            (evt.EVT_C_STORE, self.store),
            (evt.EVT_C_ECHO, lambda _event: SUCCESS),
            (evt.EVT_ABORTED, self.note_abort),
        ]

    def admit(self, event: evt.Event) -> None:
        requestor = event.assoc.requestor
        ae_title = str(requestor.primitive.calling_ae_title).strip() if requestor.primitive else ""
        if admitted(self.callers, ae_title, str(requestor.address)):
            return
        logger.warning("caller refused", extra={"caller": _printable(ae_title), "address": requestor.address})
        event.assoc.acse.send_reject(*_CALLER_NOT_KNOWN)
        # The library closes the connection next; the rejection must have been sent before.
        give_up = time.monotonic() + _SECONDS_TO_REJECT
        while awaits_our_answer(event.assoc) and time.monotonic() < give_up:
            time.sleep(0.01)

    def weigh(self, event: evt.Event) -> None:
        """Closes the connection if an object exceeds the limit: the library would collect any size in memory."""
        taken = self._taken.get(event.assoc, 0) + len(event.data)
        self._taken[event.assoc] = taken
        # Commands and the headers of fragments need some bytes too.
        limit = self._most_bytes + self._most_bytes // 10 + 100_000
        if taken - len(event.data) <= limit < taken:
            logger.warning("object too large", extra=_caller(event))
            line = line_of(event.assoc)
            if line is not None:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def store(self, event: evt.Event) -> int:
        self._taken[event.assoc] = 0
        try:
            data = event.encoded_dataset()
            status = _check(data, event)
            if status != SUCCESS:
                logger.warning("object refused", extra={"status": f"{status:04X}", **_caller(event)})
                return status
            name = land(data, self._inbox)
        except OSError as fault:
            status = OUT_OF_RESOURCES if fault.errno in _DISK_FULL else PROCESSING_FAILURE
            extra = {"status": f"{status:04X}", "fault": where(fault), **_caller(event)}
            logger.error("object not stored", extra=extra)  # noqa: TRY400 - without the error's own text
            return status
        # Whatever error one object causes, its sender is told that it is not stored; other objects are not affected.
        except Exception:
            logger.exception("receiver failed", extra=_caller(event))
            return PROCESSING_FAILURE
        logger.info("received", extra={"as": name, **_caller(event)})
        return SUCCESS

    def note_abort(self, event: evt.Event) -> None:
        logger.warning("association aborted", extra=_caller(event))


def _check(data: bytes, event: evt.Event) -> int:
    """The status for an object: whether it is a data set, and the one that the command announced."""
    try:
        header = pydicom.dcmread(
            BytesIO(data), stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"]
        )
        said = (str(header.SOPClassUID), str(header.SOPInstanceUID))
    # Garbage can make the reader raise anything.
    except Exception:  # noqa: BLE001
        return CANNOT_UNDERSTAND
    request = cast("C_STORE", event.request)
    if said != (str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)):
        return NOT_AS_ANNOUNCED
    return SUCCESS


def _open(application: AE, settings: Receiver, desk: _Desk) -> _Door:
    try:
        server = application.make_server(
            (settings.host, settings.port),
            ssl_context=_tls(settings),
            evt_handlers=desk.handlers(),  # type: ignore[arg-type]
            server_class=cast("Any", _Door),
            callers=desk.callers,
            peer_seconds=settings.timeout_seconds,
        )
    except OSError as fault:
        place = f"{settings.host}:{settings.port}"
        raise SetupError("receiver", f"cannot listen on {place}: {fault.strerror or type(fault).__name__}") from fault
    return cast("_Door", server)


def _tls(settings: Receiver) -> ssl.SSLContext | None:
    """With our certificate the connection is encrypted; with an authority callers must also show a certificate."""
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
    if settings.tls_authority:
        context.load_verify_locations(settings.tls_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _caller(event: evt.Event) -> dict[str, str]:
    requestor = event.assoc.requestor
    return {"caller": _printable(str(requestor.ae_title)), "address": str(requestor.address)}


def _printable(ae_title: str) -> str:
    """The AE title without characters that could break a log line: a caller can send any title."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in ae_title.strip())
