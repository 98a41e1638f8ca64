"""Where a request comes from and what it calls us: another site's name for this machine is not ours."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request

from koa_worker.config import Web

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


def is_here() -> bool:
    """Asked from this machine, by a name of this machine, and not by a proxy that would ask for everybody."""
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return not passed_on and is_loopback(request.remote_addr or "") and _host() in _LOOPBACK_NAMES


def is_ours(settings: Web) -> bool:
    """Called by one of our names. A number is nobody's name: it cannot be made to point elsewhere."""
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
    """As the request says it, without its port."""
    said = request.headers.get("Host", "").lower()
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0]
