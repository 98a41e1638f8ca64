"""All uses of waitress and of its private parts: the server, a connection, and a request that is being received.

Without this, waitress would read the whole body of any caller before it asks the application. Here the gate
(`koa_worker/web/guard/preflight.py`) sees a request's headers first and can refuse it before its body is read.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from http import HTTPStatus
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer

from koa_worker.web.guard.preflight import UPLOADS, Answer, Gate

_SECONDS_TO_FINISH = 5
IDLE_OF_ONE = 40  # idle connections of one address; a browser keeps six


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that is being received."""

    path = ""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel.adj)
        self._channel = channel
        self._is_judged = False
        self.since = time.monotonic()

    @property
    def is_upload(self) -> bool:
        return self.headers_finished and self.path in UPLOADS and self.command == "POST"

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.error is not None and not isinstance(self.error, Answer):
            too_large = self.error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self.refuse(Answer(self.error.code, "too_large" if too_large else "bad_request", self.path or ""))
        elif self.headers_finished and not self.empty and not self._is_judged:
            self._is_judged = True
            refusal = self._channel.server.gate.refusal(self, self._channel)
            if refusal is not None:
                self.refuse(refusal)
        return taken

    def refuse(self, answer: Answer) -> None:
        self.error, self.completed, self.expect_continue = answer, True, False


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    def __init__(self, server: Any, sock: socket.socket, *rest: Any, **named: Any) -> None:
        self._peer_is_ours: bool | None = None
        super().__init__(server, sock, *rest, **named)

    def parser_class(self, _adjustments: object) -> Request:
        return Request(self)

    def is_our_peer(self) -> bool:
        if self._peer_is_ours is None:
            self._peer_is_ours = self.server.gate.is_ours(self.addr[0], self.socket)
        return self._peer_is_ours

    def peer(self) -> str:
        return str(self.addr[0])

    def uploads(self) -> int:
        """The number of uploads that the whole server is receiving."""
        return int(self.server.uploads())

    def incoming(self) -> Request | None:
        """The request that is not completely received yet, if there is one."""
        request: Request | None = self.request
        return request if request is not None and not request.completed else None

    def is_idle(self) -> bool:
        return not self.requests and self.request is None

    def cut_off(self, now: float) -> None:
        """Ends a request that exceeds its timeout."""
        with self.requests_lock:
            request = self.incoming()
            if request is None or now - request.since < self.server.gate.seconds_for(request):
                return
            request.refuse(Answer(HTTPStatus.REQUEST_TIMEOUT, "too_slow", request.path or ""))
            self.request = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """A server that runs until it is asked to stop, and then closes all sockets."""

    channel_class = Channel
    stopping = False

    def __init__(self, application: Any, gate: Gate, listener: socket.socket, **adjustments: Any) -> None:
        """Uses a socket that already listens; the adjustments are those that waitress documents."""
        self.gate = gate
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        adj = Adjustments(sockets=[listener], **adjustments)
        super().__init__(application, _sock=listener, bind_socket=False, adj=adj, sockinfo=sockinfo)

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that the page is served on."""
        return str(self.effective_host), int(self.effective_port)

    def run(self) -> None:
        while not self.stopping:
            self.asyncore.loop(timeout=1.0, map=self._map, use_poll=True, count=1)
        self.task_dispatcher.shutdown(cancel_pending=True, timeout=_SECONDS_TO_FINISH)
        self.asyncore.close_all(self._map, ignore_all=True)

    def stop(self) -> None:
        """Makes the loop end itself: if another thread did it, the loop could close the trigger before it is used."""
        self.trigger.pull_trigger(self._end)

    def _end(self) -> None:
        self.stopping = True

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        channels = list(self.active_channels.values())
        for channel in channels:
            channel.cut_off(time.monotonic())
        held: Counter[str] = Counter()
        for channel in reversed(channels):  # the newest connections stay
            if channel.is_idle() and channel.addr[0] != self.gate.proxy:
                held[channel.addr[0]] += 1
                channel.will_close |= held[channel.addr[0]] > IDLE_OF_ONE

    def uploads(self) -> int:
        """The number of uploads that are being received or written into the inbox."""
        channels = list(self.active_channels.values())
        coming = sum(1 for channel in channels if (request := channel.incoming()) and request.is_upload)
        return coming + sum(1 for channel in channels if channel.requests and channel.requests[0].is_upload)
