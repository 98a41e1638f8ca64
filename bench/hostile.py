"""`python -m bench.hostile`: the daemon's memory over 10,000 associations of hostile callers.

It runs the real daemon with its DICOM receiver. The callers come one after the other and close the connection without a
release: they announce PDUs of 4 GB, send noise, another protocol or half a request, or associate properly and stop in
the middle of a PDU. The result is the growth after the first tenth, when all modules have been loaded.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

from pynetdicom import AE

from bench.throughput import daemon, free_port, memory_mb

VERIFICATION = "1.2.840.10008.1.1"
SECONDS_TO_REST = 40.0  # longer than the receiver waits for the rest of a PDU
REQUEST, ACCEPT, DATA = 0x01, 0x02, 0x04


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--associations", type=int, default=10_000)
    count = options.parse_args().associations
    with tempfile.TemporaryDirectory(prefix="koa-hostile-", dir=os.environ.get("TMPDIR")) as folder:
        place, receiver, metrics = Path(folder), free_port(), free_port()
        (place / "work/inbox").mkdir(parents=True)
        (place / "config.toml").write_text(
            f"[work]\nworkers = 1\n[metrics]\nport = {metrics}\n[log]\nlevel = 'error'\n"
            f"[dicom.receiver]\nenabled = true\nhost = '127.0.0.1'\nport = {receiver}\ncallers = ['*@127.0.0.1']\n"
        )
        with daemon(place, metrics) as process:
            while not echoes(receiver):  # the metrics answer before the receiver does
                time.sleep(0.1)
            grown = attack(receiver, process.pid, count)
            left = sorted(path.suffix for path in (place / "work/inbox").rglob("*"))
            answered = echoes(receiver)
    print(f"grown by {grown:.1f} MB; files in the inbox: {left or 'none'}; answers an honest echo: {answered}")
    sys.exit(0 if answered and not left else 1)


def attack(port: int, pid: int, count: int) -> float:
    """Gives the growth of the daemon's memory in MB, without its worker process."""
    noise, request, start = random.Random(7), association_request(), time.monotonic()
    refused, settled = 0, 0.0
    say("before", pid, start, refused)
    for number in range(1, count + 1):
        try:
            call(port, number, noise, request)
        except OSError:
            refused += 1
        if number % max(count // 10, 1) == 0:
            memory = say(f"after {number}", pid, start, refused)
            settled = settled or memory
    time.sleep(SECONDS_TO_REST)
    return say("at rest", pid, start, refused) - settled


def call(port: int, number: int, noise: random.Random, request: bytes) -> None:
    """One association of one of eight kinds; the connection is closed at once."""
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        match number % 8:
            case 0:
                line.sendall(struct.pack(">BBL", REQUEST, 0, 0xFFFFFFFF) + bytes(5000))
            case 1:
                line.sendall(struct.pack(">BBL", noise.randrange(9), 0, 100_000) + noise.randbytes(3000))
            case 2:
                line.sendall(noise.randbytes(200))
            case 3:
                line.sendall(b"GET / HTTP/1.1\r\n\r\n")
            case 4:
                line.sendall(struct.pack(">BBL", DATA, 0, 6) + b"\0\0\0\2\1\3")
            case 5:
                line.sendall(request[: noise.randrange(len(request))])
            case 6:
                associate(line, request)
                line.sendall(struct.pack(">BBL", DATA, 0, 0xFFFFFFFF) + bytes(5000))
            case 7:
                associate(line, request)
                line.sendall(struct.pack(">BBLLBB", DATA, 0, 36, 32, 1, 3) + noise.randbytes(30))


def associate(line: socket.socket, request: bytes) -> None:
    line.sendall(request)
    if line.recv(1 << 16)[:1] != bytes([ACCEPT]):
        raise OSError("refused")


def association_request() -> bytes:
    """Like an honest caller's that wants to verify the connection."""
    abstract, transfer = item(0x30, VERIFICATION.encode()), item(0x40, b"1.2.840.10008.1.2")
    contexts = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, struct.pack(">B3x", 1) + abstract + transfer)
    user = item(0x50, item(0x51, struct.pack(">L", 16_382)) + item(0x52, b"1.2.3.4"))
    body = struct.pack(">H2x16s16s32x", 1, b"KOAWORKER".ljust(16), b"CALLER".ljust(16)) + contexts + user
    return struct.pack(">BxL", REQUEST, len(body)) + body


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def say(when: str, pid: int, start: float, refused: int) -> float:
    memory = memory_mb(pid, family=False)
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    print(
        f"{when}: {memory:.1f} MB, {threads} threads, {time.monotonic() - start:.0f} s, {refused} refused", flush=True
    )
    return memory


def echoes(port: int) -> bool:
    application = AE("CALLER")
    application.add_requested_context(VERIFICATION)
    association = application.associate("127.0.0.1", port, ae_title="KOAWORKER")
    answered = association.is_established and association.send_c_echo().get("Status") == 0
    association.release()
    return bool(answered)


if __name__ == "__main__":
    main()
