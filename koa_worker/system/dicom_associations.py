"""All uses of pynetdicom's private parts for the sockets of its associations; for its limits see `dicom_bounds.py`."""

from __future__ import annotations

import contextlib
import socket
from socketserver import TCPServer
from typing import Any

from pynetdicom.association import Association
from pynetdicom.transport import AssociationServer as LibraryServer
from pynetdicom.transport import AssociationSocket

from koa_worker.system.dicom_bounds import bound_pynetdicom

_AWAITING_OUR_ANSWER = "Sta3"  # PS3.8 table 9-4
_SECONDS_TO_END = 5.0


def set_up_pynetdicom() -> None:
    """Sets the limits for peers, and makes the library close its sockets.

    The library shuts a connection down and closes it in one `try`. If the peer was faster, the shutdown fails, the
    close is skipped, and the socket stays open until the garbage collector runs.
    """
    bound_pynetdicom()
    AssociationSocket._shutdown_socket = _hang_up  # type: ignore[method-assign, assignment] # noqa: SLF001


def line_of(association: Association) -> socket.socket | None:
    """The open socket of an association, if it has one."""
    return association.dul.socket.socket if association.dul.socket else None


def hurry(association: Association, seconds: float) -> None:
    """Limits the time in which a peer that has connected must ask for an association."""
    association.dul.artim_timer.timeout = seconds


def awaits_our_answer(association: Association) -> bool:
    return association.dul.state_machine.current_state == _AWAITING_OUR_ANSWER


def leave(association: Association) -> None:
    """Closes the socket of an association that has ended.

    If a peer gives an unexpected answer to a request, the library stops the thread that reads the socket, and this
    thread often ends before it closes the socket.
    """
    if association.dul.ident is not None:
        association.dul.join(_SECONDS_TO_END)
    _hang_up(association.dul.socket)


class AssociationServer(LibraryServer):
    """A server that waits for each peer only up to `peer_seconds`.

    It starts each association in the accepting thread, which takes 2 ms, so that the next caller is counted with all
    others. With the library's own thread for each, a burst would be admitted before any of it is counted.
    """

    request_queue_size = 32  # with the library's 5, a PACS that opens ten connections at once has to try twice

    def __init__(self, *words: Any, peer_seconds: float, **options: Any) -> None:
        self._peer_seconds = peer_seconds
        super().__init__(*words, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accepts a connection without the TLS handshake: the library does it here, and one peer would block all."""
        connection, address = TCPServer.get_request(self)
        connection.settimeout(self._peer_seconds)
        if self.ssl_context is None:
            return connection, address
        return self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def stop(self) -> None:
        """Ends `serve_forever` and closes the socket; the library's `shutdown` fails after `make_server`."""
        TCPServer.shutdown(self)
        self.server_close()


def _hang_up(line: object) -> None:
    opened: socket.socket | None = getattr(line, "socket", None)
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
        opened.close()
