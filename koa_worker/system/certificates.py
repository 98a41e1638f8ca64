"""Reads when the certificates in a PEM file expire; Python's ssl module cannot read it from a file."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_UTC_TIME = 0x17
_VERSION = 0xA0


def expiries(path: Path) -> tuple[datetime, ...]:
    """When each certificate in the file expires. Raises OSError, or ValueError if none can be read."""
    found = tuple(_expiry(ssl.PEM_cert_to_DER_cert(block)) for block in _blocks(path.read_text("ascii")))
    if not found:
        raise ValueError("no certificate")
    return found


def _blocks(text: str) -> Iterator[str]:
    for part in text.split(_BEGIN)[1:]:
        yield f"{_BEGIN}{part.partition(_END)[0]}{_END}"


def _expiry(der: bytes) -> datetime:
    """The expiry date. RFC 5280: the signed part contains version (optional), serial, algorithm, issuer, validity, …"""
    try:
        _, certificate = next(_members(der))
        _, signed = next(_members(certificate))
        members = [(tag, value) for tag, value in _members(signed) if tag != _VERSION]
        _, (tag, until) = _members(members[3][1])
    except (IndexError, StopIteration, RuntimeError) as fault:
        raise ValueError("not a certificate") from fault
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(until.decode("ascii"), form).replace(tzinfo=UTC)


def _members(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of each value in a sequence of DER values."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        yield tag, data[at : at + length]
        at += length
