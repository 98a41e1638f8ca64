"""Decodes originals for the page in a separate process, so that a hostile file can harm only that process.

The process gets an open file, not a path, and gives back an open file in memory. Its time and its memory are limited.
It starts when it is needed, and ends when it has been idle for some time.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import BinaryIO

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed

SECONDS_IDLE = 300.0
SECONDS_TO_WAIT = 10.0  # for a decoder that is busy with another image
SECONDS_FOR_A_FILM = 30.0
LONGEST_MESSAGE = 4096
_SECONDS_TO_START = 30.0


class DecoderBusy(Exception):
    """Other images are being decoded; ask again."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFilm:
    """The gray values of an image, row by row, in little-endian byte order."""

    stream: BinaryIO
    size: int
    rows: int
    columns: int
    window: tuple[float, float]


class Decoder:
    """One decoder process; callers take turns."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def warm_up(self) -> None:
        """Starts the process if it does not run, because an image will soon be requested."""
        if self._turn.acquire(blocking=False):
            try:
                self._started()
            finally:
                self._turn.release()

    def decode(self, file: int, sha256: str) -> DecodedFilm:
        """The image in the open file `file`, if its bytes still have this hash."""
        if not self._turn.acquire(timeout=SECONDS_TO_WAIT):
            raise DecoderBusy
        try:
            return self._ask(file, sha256)
        except TimeoutError:
            self._stop()
            raise WorkFailed("timed_out") from None
        except (OSError, EOFError, ValueError) as fault:
            self._stop()
            raise WorkFailed("worker_crashed", type(fault).__name__) from None
        finally:
            self._turn.release()

    def close(self) -> None:
        with self._turn:
            self._stop()

    def _ask(self, file: int, sha256: str) -> DecodedFilm:
        try:
            message, files = self._exchange(file, sha256)
        except (BrokenPipeError, ConnectionResetError):  # it ended before it had read the request
            self._stop()
            message, files = self._exchange(file, sha256)
        if not message:
            raise EOFError
        answer = json.loads(message)
        if not files:
            raise _fault(answer)
        film = DecodedFilm(
            os.fdopen(files[0], "rb"),
            os.fstat(files[0]).st_size,
            int(answer["rows"]),
            int(answer["columns"]),
            (float(answer["black"]), float(answer["white"])),
        )
        if film.size not in (film.rows * film.columns, 2 * film.rows * film.columns):
            film.stream.close()
            raise ValueError("not an image")
        film.stream.seek(0)
        return film

    def _exchange(self, file: int, sha256: str) -> tuple[bytes, list[int]]:
        line = self._started()
        socket.send_fds(line, [sha256.encode()], [file])
        message, files, *_ = socket.recv_fds(line, LONGEST_MESSAGE, 1)
        return message, files

    def _started(self) -> socket.socket:
        if self._line is not None and self._process is not None and self._process.poll() is None:
            return self._line
        self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-m", "koa_worker.read.viewing.decoder_process", str(theirs.fileno())]
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
            nothing = subprocess.DEVNULL  # error texts of decoders may quote the file
            self._process = subprocess.Popen(  # noqa: S603
                words, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing, stderr=nothing, env=environment
            )
        ours.settimeout(SECONDS_FOR_A_FILM + _SECONDS_TO_START)
        ours.sendall(self._limits.model_dump_json().encode())
        self._line = ours
        return ours

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        self._line = self._process = None


def _fault(answer: dict[str, str]) -> InputRejected | WorkFailed:
    code = str(answer["code"])
    return InputRejected(code) if answer.get("kind") == "rejected" else WorkFailed(code)
