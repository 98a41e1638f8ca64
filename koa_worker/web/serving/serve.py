"""Serves the page with waitress, in a thread, with or without the daemon."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.store import Store
from koa_worker.store.database.transaction import ANSWER_SECONDS
from koa_worker.web import create_app
from koa_worker.web.context import release
from koa_worker.web.guard.hosts import is_loopback
from koa_worker.web.guard.preflight import Gate
from koa_worker.web.receive_upload import sweep
from koa_worker.web.serving.waitress_parts import Server

logger = logging.getLogger(__name__)

_MOST_CONNECTIONS = 500
_SECONDS_OF_SILENCE = 20  # seconds until an idle connection is closed
_PATIENCE_SECONDS = 10.0  # timeout for the database; a page must not take longer


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """Serves the page inside the context; gives its URL."""
    with Store.of(config.store, patience=_PATIENCE_SECONDS, answer_seconds=ANSWER_SECONDS) as store:
        _refuse_unsafe(config, store)
        sweep(config)
        app = create_app(config, store)
        server = _open(config, store, app)
        thread = threading.Thread(target=server.run, name="page", daemon=True)
        thread.start()
        host, port = server.address
        address = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
        logger.info("serving the page", extra={"address": address})
        try:
            yield address
        finally:
            server.stop()
            thread.join()
            release(app)


def _refuse_unsafe(config: Config, store: Store) -> None:
    """Raises an error if patient data would be shown without a login to other machines."""
    settings = config.web
    if (settings.proxy or not is_loopback(settings.host)) and not store.accounts.has_users():
        raise SetupError("web", "there are no users, and the page would be reachable from other machines")


def _open(config: Config, store: Store, app: Flask) -> Server:
    settings = config.web
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.create_server((settings.host, settings.port), family=family)
    except OSError as fault:
        raise SetupError("web", f"cannot listen on {settings.host}:{settings.port}") from fault
    believed = {"trusted_proxy": settings.proxy, "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"}
    return Server(
        app,
        Gate(config, store),
        listener,
        threads=settings.threads,
        max_request_body_size=config.limits.max_file_mb * 1_000_000 + 1,
        max_request_header_size=32 * 1024,
        cleanup_interval=1,
        channel_timeout=_SECONDS_OF_SILENCE,
        connection_limit=_MOST_CONNECTIONS,
        ident="koa-worker",
        # Without a proxy these headers must stay visible, so that requests that passed one can be refused.
        clear_untrusted_proxy_headers=bool(settings.proxy),
        **(believed if settings.proxy else {}),
    )
