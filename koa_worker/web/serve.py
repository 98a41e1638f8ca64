"""Serves the page with waitress: in a thread, beside the daemon or alone."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.store import Store
from koa_worker.web import create_app

logger = logging.getLogger(__name__)

_SECONDS_TO_FINISH = 5


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """Goes round until it is asked to stop, and leaves no socket open."""

    stopping = False

    def run(self) -> None:
        while not self.stopping:
            self.asyncore.loop(timeout=1.0, map=self._map, use_poll=True, count=1)
        self.task_dispatcher.shutdown(cancel_pending=True, timeout=_SECONDS_TO_FINISH)
        self.asyncore.close_all(self._map, ignore_all=True)

    def stop(self) -> None:
        self.stopping = True
        self.pull_trigger()


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """Within, the page is served; gives its address."""
    with Store.open(config.store.url) as store:
        server = _open(config, store)
        thread = threading.Thread(target=server.run, name="page", daemon=True)
        thread.start()
        address = f"http://{server.effective_host}:{server.effective_port}/"
        logger.info("serving the page", extra={"address": address})
        try:
            yield address
        finally:
            server.stop()
            thread.join()


def _open(config: Config, store: Store) -> _Server:
    settings = config.web
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        door = socket.create_server((settings.host, settings.port), family=family)
    except OSError as fault:
        raise SetupError("web", f"cannot listen at {settings.host}:{settings.port}") from fault
    adjustments = Adjustments(
        sockets=[door],
        threads=settings.threads,
        max_request_body_size=config.limits.max_file_mb * 1_000_000 + 1,
        ident="koa-worker",
    )
    return _Server(create_app(config, store), _sock=door, bind_socket=False, adj=adjustments, sockinfo=_info(door))


def _info(door: socket.socket) -> tuple[int, int, int, tuple[str, int]]:
    """What waitress wants to know of a socket that it did not open."""
    return door.family, door.type, door.proto, door.getsockname()
