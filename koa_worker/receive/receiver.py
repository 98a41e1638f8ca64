"""The C-STORE provider: it accepts known callers, stores their radiographs, and answers success only when stored."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from koa_worker.config import ReceiverSettings
from koa_worker.receive import offers
from koa_worker.receive.callers import Caller, admitted
from koa_worker.receive.header import HEAD_BYTES, look
from koa_worker.receive.landing import Landing, sweep
from koa_worker.receive.server import CONNECTIONS_A_PLACE, listen, most_of_one_address
from koa_worker.system.dicom_associations import awaits_our_answer, hurry, set_up_pynetdicom
from koa_worker.system.dicom_bounds import SECONDS_TO_ASK, Spooled
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
NOTHING_KEPT = 0xB006  # a warning, "elements discarded": senders go on, and can tell that it is not stored here
CANNOT_UNDERSTAND = 0xC000

_CALLER_NOT_KNOWN = (0x01, 0x01, 0x03)  # rejected-permanent, service-user, calling AE title not recognised: PS3.8 9.3.4
_NO_PLACE = (0x02, 0x03, 0x02)  # rejected-transient, service-provider, local limit exceeded
_SECONDS_TO_REJECT = 5.0
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def receiving(settings: ReceiverSettings, inbox: Path, max_file_mb: int) -> Iterator[int]:
    """Receives inside the context: objects of known callers arrive in the inbox. Gives the port."""
    sweep(inbox)
    provider = _StorageProvider(settings, inbox, max_file_mb * 1_000_000)
    application = _Entity(settings.ae_title)
    application.sink_for = provider.take_up
    application.require_called_aet = True
    # The library counts connections without an association request; `admit` counts those with one.
    application.maximum_associations = 2 * CONNECTIONS_A_PLACE * settings.max_associations
    application.acse_timeout = application.dimse_timeout = settings.timeout_seconds
    application.network_timeout = settings.timeout_seconds
    for storage_class in offers.STORAGE_CLASSES:
        application.add_supported_context(storage_class, list(offers.TRANSFER_SYNTAXES))
    for storage_class in offers.PASSED_OVER:
        application.add_supported_context(storage_class, list(offers.PLAIN_SYNTAXES))
    application.add_supported_context(offers.VERIFICATION)
    server = listen(application, settings, provider.callers, provider.handlers())
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


class _Entity(AE):
    """Objects go to the disk while they arrive: system/dicom_bounds.py calls `sink_for`."""

    sink_for: Any


class _StorageProvider:
    """The handlers for the events of an association."""

    def __init__(self, settings: ReceiverSettings, inbox: Path, most_bytes: int) -> None:
        self.callers = tuple(map(Caller.parse, settings.callers))
        self._places = settings.max_associations
        self._inbox = inbox
        self._most_bytes = most_bytes
        self._landings: WeakKeyDictionary[Association, Landing] = WeakKeyDictionary()
        self._guests: WeakKeyDictionary[Association, str] = WeakKeyDictionary()  # address of each admitted one
        self._lock = threading.Lock()

    def handlers(self) -> list[tuple[Any, Any]]:
        return [
            (evt.EVT_CONN_OPEN, self.hurry),
            (evt.EVT_REQUESTED, self.admit),
            (evt.EVT_C_STORE, self.store),
            (evt.EVT_C_ECHO, lambda _event: SUCCESS),
            (evt.EVT_ABORTED, self.note_abort),
            (evt.EVT_CONN_CLOSE, self.leave),
        ]

    def hurry(self, event: evt.Event) -> None:
        """A connection without a request has a shorter timeout than an association."""
        hurry(event.assoc, SECONDS_TO_ASK)

    def admit(self, event: evt.Event) -> None:
        requestor = event.assoc.requestor
        ae_title = str(requestor.primitive.calling_ae_title).strip() if requestor.primitive else ""
        address = str(requestor.address)
        if not admitted(self.callers, ae_title, address):
            logger.warning("caller refused", extra={"caller": _printable(ae_title), "address": address})
            self._reject(event.assoc, _CALLER_NOT_KNOWN)
        elif not self._take_place(event.assoc, address):
            logger.warning("too many associations", extra={"caller": _printable(ae_title), "address": address})
            self._reject(event.assoc, _NO_PLACE)

    def _take_place(self, association: Association, address: str) -> bool:
        with self._lock:
            held = Counter(address for guest, address in self._guests.items() if guest.is_alive())
            if held.total() >= self._places or held[address] >= most_of_one_address(self._places):
                return False
            self._guests[association] = address
            return True

    def _reject(self, association: Association, why: tuple[int, int, int]) -> None:
        association.acse.send_reject(*why)
        # The library closes the connection next; the rejection must have been sent by then.
        give_up = time.monotonic() + _SECONDS_TO_REJECT
        while awaits_our_answer(association) and time.monotonic() < give_up:
            time.sleep(0.01)

    def take_up(self, association: Any, message: Any) -> Landing:
        """Opens the landing for the data set of an object whose command has arrived."""
        self.drop(association)
        command = message.command_set
        sop_class, sop_uid = str(command.AffectedSOPClassUID), str(command.AffectedSOPInstanceUID)
        syntax = association._accepted_cx[message.context_id].transfer_syntax[0]  # noqa: SLF001
        inbox = None if sop_class in offers.PASSED_OVER else self._inbox
        meta = create_file_meta(sop_class_uid=sop_class, sop_instance_uid=sop_uid, transfer_syntax=syntax)  # type: ignore[arg-type]
        start = b"\0" * 128 + b"DICM" + encode_file_meta(meta)
        landing = Landing(inbox, start, most_bytes=self._most_bytes, most_head=HEAD_BYTES)
        self._landings[association] = landing
        return landing

    def store(self, event: evt.Event) -> int:
        spooled = cast("C_STORE", event.request).DataSet
        landing = spooled.sink if isinstance(spooled, Spooled) else None
        if not isinstance(landing, Landing):
            return CANNOT_UNDERSTAND  # an empty data set
        try:
            return self._settle(landing, event)
        except OSError as fault:
            status = OUT_OF_RESOURCES if fault.errno in _DISK_FULL else PROCESSING_FAILURE
            extra = {"status": f"{status:04X}", "fault": where(fault), **_caller(event)}
            logger.error("object not stored", extra=extra)  # noqa: TRY400 - without the error's own text
            return status
        # For any error of one object its sender is told that it is not stored; other objects are not affected.
        except Exception:
            logger.exception("receiver failed", extra=_caller(event))
            return PROCESSING_FAILURE
        finally:
            landing.give_up()

    def _settle(self, landing: Landing, event: evt.Event) -> int:
        """The status for an object: whether it is a data set, the one that the command announced, and to be graded."""
        request = cast("C_STORE", event.request)
        said = look(landing.head, str(event.context.transfer_syntax))
        landing.head = b""
        announced = (str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID))
        if said is None or (said.sop_class, said.sop_uid) != announced:
            status = CANNOT_UNDERSTAND if said is None else NOT_AS_ANNOUNCED
            logger.warning("object refused", extra={"status": f"{status:04X}", **_caller(event)})
            return status
        if said.own:
            logger.info("own result ignored", extra=_caller(event))
            return SUCCESS
        if said.sop_class in offers.PASSED_OVER:
            logger.info("object without an image ignored", extra=_caller(event))
            return NOTHING_KEPT
        logger.info("received", extra={"as": landing.keep(), **_caller(event)})
        return SUCCESS

    def note_abort(self, event: evt.Event) -> None:
        landing = self._landings.get(event.assoc)
        if landing is not None and landing.is_too_large:
            logger.warning("object too large", extra=_caller(event))
        self.drop(event.assoc)
        logger.warning("association aborted", extra=_caller(event))

    def leave(self, event: evt.Event) -> None:
        self.drop(event.assoc)
        with self._lock:
            self._guests.pop(event.assoc, None)

    def drop(self, association: Association) -> None:
        """Removes an object that will never be complete, because its association has ended."""
        landing = self._landings.pop(association, None)
        if landing is not None:
            landing.give_up()


def _caller(event: evt.Event) -> dict[str, str]:
    requestor = event.assoc.requestor
    return {"caller": _printable(str(requestor.ae_title)), "address": str(requestor.address)}


def _printable(ae_title: str) -> str:
    """The AE title without characters that could break a log line: a caller can send any title."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in ae_title.strip())
