"""Checks the origin and the host name of a request: another site's name for this machine is refused."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from koa_worker.config import WebSettings

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


def is_here() -> bool:
    """Whether the request comes from this machine, with a loopback host name, and not through a proxy."""
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return not passed_on and is_loopback(request.remote_addr or "") and _host() in _LOOPBACK_NAMES


def is_ours(settings: WebSettings) -> bool:
    """Whether the host name is known. An IP address is always allowed: DNS rebinding needs a name."""
    host = _host()
    return host in _LOOPBACK_NAMES or _is_number(host) or host in {settings.host, *map(str.lower, settings.names)}


def is_loopback(address: str) -> bool:
    return address == "localhost" or (_is_number(address) and ip_address(address).is_loopback)


def _is_number(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _host() -> str:
    """The host name in the request, without the port."""
    said = request.headers.get("Host", "").lower()
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0]
