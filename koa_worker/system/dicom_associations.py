"""All that is used of pynetdicom's private parts: the sockets beneath its associations and beneath its server."""

from __future__ import annotations

import contextlib
import socket
from socketserver import TCPServer
from typing import Any

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

_AWAITING_OUR_ANSWER = "Sta3"  # PS3.8 table 9-4
_SECONDS_TO_END = 5.0


def set_up_pynetdicom() -> None:
    """Lets it close the sockets that it is done with.

    It shuts a line down and closes it in one `try`. When the peer was quicker, shutting down fails, closing is passed
    over, and the socket waits for the garbage collector.
    """
    AssociationSocket._shutdown_socket = _hang_up  # type: ignore[method-assign, assignment] # noqa: SLF001


def line_of(association: Association) -> socket.socket | None:
    """The open line of an association, if it has one."""
    return association.dul.socket.socket if association.dul.socket else None


def awaits_our_answer(association: Association) -> bool:
    return association.dul.state_machine.current_state == _AWAITING_OUR_ANSWER


def leave(association: Association) -> None:
    """Closes the line of an association that is over.

    When a peer answers a request with something else, the library stops the thread that reads the line, and this
    thread is often gone before it has come to closing it.
    """
    if association.dul.ident is not None:
        association.dul.join(_SECONDS_TO_END)
    _hang_up(association.dul.socket)


class AssociationServer(ThreadedAssociationServer):
    """A server that waits for no peer without end: a peer that is silent for `peer_seconds` is given up."""

    def __init__(self, *words: Any, peer_seconds: float, **options: Any) -> None:
        self._peer_seconds = peer_seconds
        super().__init__(*words, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The library shakes hands for TLS here, where a silent peer would keep all others waiting."""
        connection, address = TCPServer.get_request(self)
        connection.settimeout(self._peer_seconds)
        if self.ssl_context is None:
            return connection, address
        return self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def stop(self) -> None:
        """Ends `serve_forever` and closes the socket. The library's `shutdown` only knows servers that it started."""
        TCPServer.shutdown(self)
        self.server_close()


def _hang_up(line: object) -> None:
    opened: socket.socket | None = getattr(line, "socket", None)
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
        opened.close()
