"""The listening socket: who may connect, the number of connections, and the timeout of silent ones."""

from __future__ import annotations

import logging
import ssl
import sys
from typing import Any, cast

from pynetdicom import AE

from koa_worker.config import ReceiverSettings
from koa_worker.errors import SetupError
from koa_worker.receive.callers import Caller
from koa_worker.system.dicom_associations import AssociationServer
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

# Connections without a request take no place, but each needs a thread or two.
CONNECTIONS_A_PLACE = 4
_SHARE_OF_ONE = 0.75  # share of all places and of all connections that one address may have


def most_of_one_address(places: int) -> int:
    """The number of places that one address may hold, so that a faulty caller cannot block the others."""
    return max(1, int(places * _SHARE_OF_ONE))


class BoundedServer(AssociationServer):
    """Refuses connections from unknown addresses, and too many of them from one address."""

    def __init__(self, *words: Any, callers: tuple[Caller, ...], settings: ReceiverSettings, **options: Any) -> None:
        self._callers = callers
        self._most = CONNECTIONS_A_PLACE * settings.max_associations
        super().__init__(*words, peer_seconds=settings.timeout_seconds, **options)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        address = str(client_address[0])
        if not any(caller.admits(caller.ae_title, address) for caller in self._callers):
            logger.warning("connection refused", extra={"address": address})
            return False
        held = [str(association.requestor.address) for association in self.active_associations]
        if len(held) >= self._most or held.count(address) >= most_of_one_address(self._most):
            logger.warning("too many connections", extra={"address": address})
            return False
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Logs the error of one connection; the server's own method would print the data that the error quotes."""
        fault = sys.exception()
        logger.error(
            "connection failed", extra={"address": str(client_address[0]), "fault": where(fault) if fault else ""}
        )


def listen(
    application: AE, settings: ReceiverSettings, callers: tuple[Caller, ...], handlers: list[tuple[Any, Any]]
) -> BoundedServer:
    try:
        server = application.make_server(
            (settings.host, settings.port),
            ssl_context=_tls(settings),
            evt_handlers=handlers,  # type: ignore[arg-type]
            server_class=cast("Any", BoundedServer),
            callers=callers,
            settings=settings,
        )
    except OSError as fault:
        place = f"{settings.host}:{settings.port}"
        raise SetupError("receiver", f"cannot listen at {place}: {fault.strerror or type(fault).__name__}") from fault
    return cast("BoundedServer", server)


def _tls(settings: ReceiverSettings) -> ssl.SSLContext | None:
    """The TLS context. Our certificate encrypts the connection; with an authority callers must show one too."""
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
    if settings.tls_authority:
        context.load_verify_locations(settings.tls_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
