"""The sockets of associations are closed, also where the library alone would leave them open."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

from koa_worker.system.dicom_associations import AssociationServer, leave, line_of, set_up_pynetdicom

HERE = ("127.0.0.1", 0)
LINGER_NOT = struct.pack("ii", 1, 0)


@contextmanager
def listening() -> Iterator[ThreadedAssociationServer]:
    """A peer that answers as it should."""
    application = AE("THERE")
    application.add_supported_context(Verification)
    server = application.start_server(HERE, block=False, evt_handlers=[(evt.EVT_C_ECHO, lambda _event: 0)])
    assert server is not None
    yield server
    server.shutdown()


@pytest.fixture
def association() -> Iterator[Association]:
    set_up_pynetdicom()
    application = AE("HERE")
    application.add_requested_context(Verification)
    with listening() as server:
        yield application.associate("127.0.0.1", int(server.server_address[1]))


def test_a_line_that_the_peer_has_torn_down_is_closed() -> None:
    """It cannot be shut down any more, whereupon the library would not close it either."""
    set_up_pynetdicom()
    with socket.create_server(HERE) as door, socket.create_connection(door.getsockname()) as line:
        theirs, _ = door.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        theirs.close()
        select.select([line], [], [], 20)
        with pytest.raises(OSError, match="not connected"):
            line.shutdown(socket.SHUT_RDWR)
        AssociationSocket(Association(AE(), "requestor"), client_socket=line).close()
        assert line.fileno() == -1


def test_a_line_whose_thread_ended_before_closing_it_is_closed(association: Association) -> None:
    """As where a peer answers a request with something that is not DICOM: the library may end the thread too early."""
    line = line_of(association)
    assert line is not None
    association.dul.kill_dul()
    association.dul.join(20)
    assert line.fileno() != -1
    leave(association)
    assert line.fileno() == -1


def test_a_line_is_left_only_after_its_thread_has_ended(association: Association) -> None:
    association.dul.kill_dul()
    leave(association)
    assert not association.dul.is_alive()


def test_an_association_that_never_came_about_is_left_too() -> None:
    leave(Association(AE(), "requestor"))


def test_a_peer_that_is_silent_in_the_handshake_keeps_no_other_waiting() -> None:
    """The library would shake hands in the one thread that lets peers in."""
    application = AE("HERE")
    application.add_supported_context(Verification)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = application.make_server(HERE, ssl_context=tls, server_class=AssociationServer, peer_seconds=7.0)
    with ExitStack() as stack:
        stack.callback(server.server_close)
        silent = stack.enter_context(socket.create_connection(server.server_address))
        too_late = threading.Timer(20, silent.close)
        too_late.start()
        line, _ = server.get_request()
        with line:
            assert too_late.is_alive()
            assert line.gettimeout() == 7.0
        too_late.cancel()
        too_late.join()
