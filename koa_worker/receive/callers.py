"""The allowed senders: calling AE titles, each with its addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from koa_worker.config import parse_caller

ANYBODY = "*"
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Caller:
    """An AE title (or any title), and the network from which it may call."""

    ae_title: str
    network: _Network

    @classmethod
    def parse(cls, words: str) -> Self:
        """Reads a caller from the text in the settings; raises ValueError."""
        return cls(*parse_caller(words))

    def admits(self, ae_title: str, address: str) -> bool:
        if self.ae_title not in {ANYBODY, ae_title}:
            return False
        return _plain(address) in self.network


def admitted(callers: Iterable[Caller], ae_title: str, address: str) -> bool:
    return any(caller.admits(ae_title, address) for caller in callers)


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; ::ffff:a.b.c.d, as a dual-stack socket writes an IPv4 address, becomes that IPv4 address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
