"""Serves the page with waitress, in a thread, with or without the daemon."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.store import Store
from koa_worker.web import create_app
from koa_worker.web.guard.hosts import is_loopback
from koa_worker.web.guard.preflight import Channel, Gate
from koa_worker.web.receive_upload import sweep

logger = logging.getLogger(__name__)

_SECONDS_TO_FINISH = 5
_PATIENCE_SECONDS = 10.0  # timeout for the database; nobody waits longer for a page


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """Serves the page inside the context; gives its URL."""
    with Store.open(config.store.url, patience=_PATIENCE_SECONDS) as store:
        _refuse_unsafe(config, store)
        sweep(config)
        server = _open(config, store)
        thread = threading.Thread(target=server.run, name="page", daemon=True)
        thread.start()
        host = f"[{server.effective_host}]" if ":" in server.effective_host else server.effective_host
        address = f"http://{host}:{server.effective_port}/"
        logger.info("serving the page", extra={"address": address})
        try:
            yield address
        finally:
            server.stop()
            thread.join()


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """A server that runs until it is asked to stop, and then closes all sockets."""

    channel_class = Channel
    stopping = False

    def __init__(self, application: Any, gate: Gate, **named: Any) -> None:
        self.gate = gate
        super().__init__(application, **named)

    def run(self) -> None:
        while not self.stopping:
            self.asyncore.loop(timeout=1.0, map=self._map, use_poll=True, count=1)
        self.task_dispatcher.shutdown(cancel_pending=True, timeout=_SECONDS_TO_FINISH)
        self.asyncore.close_all(self._map, ignore_all=True)

    def stop(self) -> None:
        self.stopping = True
        self.pull_trigger()

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            channel.cut_off(time.monotonic())

    def uploads(self) -> int:
        """The number of uploads that are being received or written into the inbox."""
        channels = list(self.active_channels.values())
        coming = sum(1 for channel in channels if (request := channel.incoming()) and request.is_upload)
        return coming + sum(1 for channel in channels if channel.requests and channel.requests[0].is_upload)


def _refuse_unsafe(config: Config, store: Store) -> None:
    """Patient data is shown without a login only on this machine."""
    settings = config.web
    if (settings.proxy or not is_loopback(settings.host)) and not store.accounts.has_users():
        raise SetupError("web", "there are no users, and the page would be reachable from other machines")


def _open(config: Config, store: Store) -> _Server:
    settings = config.web
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        door = socket.create_server((settings.host, settings.port), family=family)
    except OSError as fault:
        raise SetupError("web", f"cannot listen on {settings.host}:{settings.port}") from fault
    believed = {"trusted_proxy": settings.proxy, "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"}
    adjustments = Adjustments(
        sockets=[door],
        threads=settings.threads,
        max_request_body_size=config.limits.max_file_mb * 1_000_000 + 1,
        max_request_header_size=32 * 1024,
        cleanup_interval=1,
        ident="koa-worker",
        # Without a proxy these headers must stay visible, so that requests that passed one can be refused.
        clear_untrusted_proxy_headers=bool(settings.proxy),
        **(believed if settings.proxy else {}),
    )
    app, gate = create_app(config, store), Gate(config, store)
    return _Server(app, gate, _sock=door, bind_socket=False, adj=adjustments, sockinfo=_info(door))


def _info(door: socket.socket) -> tuple[int, int, int, Any]:
    """The description that waitress needs of a socket that it did not open itself."""
    return door.family, door.type, door.proto, door.getsockname()
