"""Limits the memory, time and log lines that a peer can cause: pynetdicom trusts every length in a message.

Its associations keep a whole PDU, a whole command and a whole data set in memory, have no time limit while bytes
arrive, and log a traceback for an invalid message. This module limits all of that, for peers that call us and for
peers that we call.
"""

from __future__ import annotations

import logging
import socket
import time
from io import BytesIO
from typing import Any, Protocol

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import AssociationSocket

from koa_worker.system.log import where

logger = logging.getLogger(__name__)

# A request for 128 contexts of 16 transfer syntaxes takes 70 kB; data arrive in PDUs of 16 kB, our own maximum.
MOST_PDU_BYTES = 1 << 17
MOST_COMMAND_BYTES = 1 << 16
MOST_ANSWER_BYTES = 1 << 20  # bytes of a data set in the answer of a peer that we called
MOST_WAITING = 16  # messages of one association; a peer that waits for each answer, as PS3.7 requires, has one
SECONDS_TO_ASK = 5.0  # seconds from the first byte of an association request to its last
SECONDS_A_PDU = 30.0
_AT_ONCE = 1 << 16


class TooMuchError(Exception):
    """A peer sends more than it may."""


class Sink(Protocol):
    """The target to which a data set is written while it arrives."""

    def write(self, data: bytes) -> None:
        """Raises TooMuchError to end the association."""


class Spooled(BytesIO):
    """Replaces the library's data set in memory, and passes each piece on to the sink.

    It requests the sink when the first piece arrives, since command and data may be in one PDU.
    """

    def __init__(self, association: Any, message: DIMSEMessage) -> None:
        super().__init__()
        self._association, self._message = association, message
        self.sink: Sink | None = None

    def write(self, data: Any) -> int:
        if self.sink is None:
            if not isinstance(self._message, C_STORE_RQ):
                raise TooMuchError  # nothing else that we answer comes with a data set
            self.sink = self._association.ae.sink_for(self._association, self._message)
        self.sink.write(data)
        return len(data)


def bound_pynetdicom() -> None:
    """Sets the bounds once for the process, before any association."""
    AssociationSocket.recv = _receive  # type: ignore[method-assign]
    DULServiceProvider.run_reactor = _run_reactor  # type: ignore[method-assign]
    DIMSEServiceProvider.receive_primitive = _receive_primitive  # type: ignore[method-assign]


_library_reactor = DULServiceProvider.run_reactor
_library_primitive = DIMSEServiceProvider.receive_primitive


def _receive(self: AssociationSocket, nr_bytes: int) -> bytearray:
    """Reads `nr_bytes` bytes, fewer if the peer has gone; raises OSError if they are too many or too slow."""
    line = self.socket
    if line is None:
        raise ConnectionAbortedError
    if nr_bytes > MOST_PDU_BYTES:
        logger.warning("PDU too long", extra={"bytes": nr_bytes})
        _shut(line)
        raise ConnectionAbortedError
    patience = line.gettimeout()
    give_up = time.monotonic() + (SECONDS_A_PDU if self.assoc.is_established else SECONDS_TO_ASK)
    data = bytearray()
    try:
        while len(data) < nr_bytes:
            line.settimeout(max(0.001, min(give_up - time.monotonic(), patience or SECONDS_A_PDU)))
            piece = line.recv(min(_AT_ONCE, nr_bytes - len(data)))
            if not piece:
                break
            data += piece
    except TimeoutError:
        _shut(line)
        raise
    finally:
        if line.fileno() >= 0:
            line.settimeout(patience)
    return data


def _run_reactor(self: DULServiceProvider) -> None:
    """Runs the library's loop. If a message makes it fail, closes the connection and logs one line."""
    try:
        _library_reactor(self)
    except Exception as fault:  # noqa: BLE001 - anything can come of what a peer says
        logger.warning("association lost", extra={"fault": where(fault)})
        self.assoc.is_aborted, self.assoc.is_established = True, False
        self.assoc._kill = True  # noqa: SLF001
        if self.socket is not None and self.socket.socket is not None:
            _shut(self.socket.socket)
            self.socket.socket.close()
    finally:
        # An acceptor would wait for the request of a peer that has gone until its own timeout, and hold a place.
        self.to_user_queue.put(None)  # type: ignore[arg-type]


def _receive_primitive(self: DIMSEServiceProvider, primitive: Any) -> None:
    """Does the same as the library, with every length limited; an invalid message ends the association."""
    try:
        if self.message is None:
            self.message = DIMSEMessage()
        _prepare(self.assoc, self.message, primitive)
        _library_primitive(self, primitive)
    except Exception as fault:  # noqa: BLE001 - anything can come of what a peer says
        if not isinstance(fault, TooMuchError):
            logger.warning("message not understood", extra={"fault": where(fault)})
        self.message = None
        self.dul.event_queue.put("Evt19")  # invalid PDU: PS3.8 9.2.3


def _prepare(association: Any, message: DIMSEMessage, primitive: Any) -> None:
    """Checks the size of the message so far. An application entity with `sink_for` gets a data set piece by piece."""
    if association.dimse.msg_queue.qsize() > MOST_WAITING:
        raise TooMuchError
    spools = hasattr(association.ae, "sink_for")
    if spools and not isinstance(message.data_set, Spooled):
        message.data_set = Spooled(association, message)
    for _, data in primitive.presentation_data_value_list:
        if data[0] & 1:
            room = MOST_COMMAND_BYTES - message.encoded_command_set.tell()
        elif association.is_requestor and message.data_set is not None:
            room = MOST_ANSWER_BYTES - message.data_set.tell()
        else:
            continue
        if len(data) > room:
            raise TooMuchError


def _shut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
