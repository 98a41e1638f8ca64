"""Writes entries into the audit log: the user, the action, its subject and the address."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from flask import g, request

from koa_worker.web.context import context


def note(action: str, subject: str = "", detail: str = "") -> None:
    """Writes an entry for the user of this request; `subject` is the id of a study, file or upload."""
    user = g.get("user")
    context().store.audit.note(user.name if user else "", action, subject, address=caller(), detail=detail)


def note_stranger(action: str) -> None:
    """Writes an entry for an unknown caller, at most once a minute: many requests must not become many rows."""
    if not context().store.rate_limits.use(f"noted:{action}:{caller()}", 1, timedelta(minutes=1)):
        note(action)


def caller() -> str:
    """The address that a request came from. For IPv6 it is the /64 network: one machine has very many addresses."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        return str(inner or ip_network(f"{address}/64", strict=False).network_address)
    return str(address)
