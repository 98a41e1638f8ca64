"""The code that runs in the decoder process, which ends when its parent does.

It runs as `python -m koa_worker.read.viewing.decoder_process FD`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read.viewing.decoder import LONGEST_MESSAGE, SECONDS_FOR_A_FILM, SECONDS_IDLE
from koa_worker.read.viewing.film import Film, read_film
from koa_worker.values import Arrival


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # the page's process decides what they mean
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        limits = Limits.model_validate_json(line.recv(LONGEST_MESSAGE))
        cv2.setNumThreads(1)
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_mb << 20,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        line.settimeout(SECONDS_IDLE)
        while _answer(line, limits):
            pass


def _answer(line: socket.socket, limits: Limits) -> bool:
    """Decodes one image; false if no more requests will come."""
    try:
        message, files, *_ = socket.recv_fds(line, LONGEST_MESSAGE, 1)
    except TimeoutError:
        return False
    if not message or not files:
        return False
    signal.alarm(ceil(SECONDS_FOR_A_FILM))  # its default action ends the process, even if a decoder hangs
    try:
        film = _decode(files[0], message.decode(), limits)
    except (InputRejected, WorkFailed) as fault:
        kind = "rejected" if isinstance(fault, InputRejected) else "failed"
        line.sendall(json.dumps({"kind": kind, "code": fault.code}).encode())
    except MemoryError:
        line.sendall(json.dumps({"kind": "failed", "code": "out_of_memory"}).encode())
    else:
        _give(line, film)
    finally:
        os.close(files[0])
        signal.alarm(0)
    return True


def _decode(file: int, sha256: str, limits: Limits) -> Film:
    return read_film(Arrival(Path(f"/proc/self/fd/{file}"), sha256, 0, ""), limits)


def _give(line: socket.socket, film: Film) -> None:
    """Hands over the pixels as a file in memory, so that they are not copied between the processes."""
    pixels = np.ascontiguousarray(film.pixels)
    rows, columns = pixels.shape
    black, white = film.window
    target = os.memfd_create("film")
    try:
        with os.fdopen(os.dup(target), "wb") as stream:
            stream.write(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).data)
        said = {"rows": rows, "columns": columns, "black": black, "white": white}
        socket.send_fds(line, [json.dumps(said).encode()], [target])
    finally:
        os.close(target)


if __name__ == "__main__":
    main()
