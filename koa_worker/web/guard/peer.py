"""Finds the account of the program at the other end of a local connection."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

_ROOT = 0
_ESTABLISHED = "01"


def may_be_ours(connection: socket.socket) -> bool:
    """Whether the peer runs under our account or as root: every account of a machine can reach its loopback addresses.

    True if the system does not say, because only Linux has proc(5).
    """
    ours, theirs = connection.getsockname(), connection.getpeername()
    table = Path("/proc/net/tcp6" if connection.family == socket.AF_INET6 else "/proc/net/tcp")
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return True
    ends = [_written(*theirs[:2]), _written(*ours[:2])]
    # A socket that its owner has closed is listed as root's, without an inode, until the last byte was sent.
    open_ones = [fields for line in lines if (fields := line.split())[3] == _ESTABLISHED and fields[9] != "0"]
    accounts = [int(fields[7]) for fields in open_ones if fields[1:3] == ends]
    return any(account in {os.geteuid(), _ROOT} for account in accounts)


def _written(host: str, port: int) -> str:
    """The address in the kernel's notation: words of four bytes, each in the machine's byte order."""
    packed = ip_address(host).packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
