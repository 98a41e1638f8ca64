"""Sends objects to one archive by STOW-RS (PS3.18 10.5), one request for each object.

This is `http.client` and some twenty lines of MIME. A client library would bring a second HTTP library, and would parse
each file into a data set again before sending it.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from koa_worker.config import DestinationSettings
from koa_worker.config.sources import read_secret
from koa_worker.errors import SetupError
from koa_worker.publish.answers import DeliveryAnswer, Parcel, Receipt, Unreachable, answer_of, gone
from koa_worker.publish.objects.uids import derive
from koa_worker.publish.tls import of_destination, words_of
from koa_worker.publish.written import bytes_for

_MOST_OF_AN_ANSWER = 1 << 20  # bytes
_FAILED, _REASON = "00081198", "00081197"  # Failed SOP Sequence, Failure Reason
_OK, _PARTLY, _NOTHING = 200, 202, 409
_BUSY = frozenset({408, 429, 503, 507})
# These answers are about the address or the token, not about the object: other objects would fail too.
_OF_THE_WAY = {
    401: "not authorised: look at the token",
    403: "not authorised: look at the token",
    404: "there is no DICOMweb service at this url",
}
_NOT_IMPLEMENTED = 501
_REFUSED = frozenset({400, 406, 413, 415})


def send(destination: DestinationSettings, parcels: Sequence[Parcel]) -> Generator[Receipt, None, None]:
    """Sends over one connection and yields a receipt for each object at once. Raises `Unreachable` if it breaks."""
    with _said_in_words():
        headers = _credentials(destination)
        with closing(_connect(destination)) as connection:
            for parcel in parcels:
                yield gone(parcel) or _send_one(connection, destination, headers, parcel)


def echo(destination: DestinationSettings) -> str:
    """Queries a study that does not exist (QIDO-RS), and says what the answer means. Raises `Unreachable` on an error.

    STOW-RS has no request that changes nothing. A service that only stores need not support QIDO-RS.
    """
    with _said_in_words():
        headers = _credentials(destination)
        with closing(_connect(destination)) as connection:
            path = f"{_studies(destination)}?StudyInstanceUID={derive('nobody')}&limit=1"
            connection.request("GET", path, headers={"Accept": "application/dicom+json", **headers})
            status = connection.getresponse().status
    if status in _OF_THE_WAY:
        raise Unreachable(_OF_THE_WAY[status])
    if 300 <= status < 400 or (status >= 500 and status != _NOT_IMPLEMENTED):
        raise Unreachable(f"HTTP {status}")
    said = "answers" if status < 300 else f"answers HTTP {status} to a query, which does not tell whether it stores"
    way = "by TLS" if destination.url.startswith("https:") else "without TLS"
    return f"{said}, {way}{', and takes the token' if headers and status < 300 else ''}"


@contextmanager
def _said_in_words() -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as fault:
        reason = words_of(fault) if isinstance(fault, OSError) else type(fault).__name__
        raise Unreachable(reason) from None  # the error text may quote the peer's answer


def _studies(destination: DestinationSettings) -> str:
    return urlsplit(destination.url).path.rstrip("/") + "/studies"


def _connect(destination: DestinationSettings) -> http.client.HTTPConnection:
    place = urlsplit(destination.url)
    host, port = place.hostname or "", place.port
    if place.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=destination.timeout_seconds)
    context = of_destination(destination) or ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=destination.timeout_seconds, context=context)


def _credentials(destination: DestinationSettings) -> dict[str, str]:
    """The token as it is now: it may be renewed while the daemon runs."""
    if destination.token_file:
        try:
            token = read_secret("[[dicom.destinations]] token_file", Path(destination.token_file))
        except SetupError:
            raise Unreachable("the file of the token cannot be read") from None
    else:
        token = os.environ.get(destination.token_variable, "") if destination.token_variable else ""
        if destination.token_variable and not token:
            raise Unreachable("the variable of the token is empty")
    if not token.isascii() or not token.isprintable():
        raise Unreachable("the token is not printable")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _send_one(
    connection: http.client.HTTPConnection, destination: DestinationSettings, headers: dict[str, str], parcel: Parcel
) -> Receipt:
    boundary = uuid.uuid4().hex
    body = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
            bytes_for(destination, parcel.path),
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    said = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
        **headers,
    }
    connection.request("POST", _studies(destination), body, said)
    answer = connection.getresponse()
    text = answer.read(_MOST_OF_AN_ANSWER)
    if not answer.isclosed():
        connection.close()  # the next request opens another one
    return _receipt(parcel, answer.status, text)


def _receipt(parcel: Parcel, status: int, text: bytes) -> Receipt:
    if status in _OF_THE_WAY:
        raise Unreachable(_OF_THE_WAY[status])
    reason = _failure(text) if status in {_OK, _PARTLY, _NOTHING} else None
    if reason is not None:
        return Receipt(parcel, answer_of(reason), f"status {reason:04X}")
    if status in {_OK, _PARTLY}:
        return Receipt(parcel, DeliveryAnswer.TAKEN)
    answer = DeliveryAnswer.FAILED
    if status in _BUSY:
        answer = DeliveryAnswer.BUSY
    elif status in _REFUSED:
        answer = DeliveryAnswer.REFUSED
    return Receipt(parcel, answer, f"HTTP {status}")


def _failure(text: bytes) -> int | None:
    """The reason from the archive's answer why the object was not stored; None if it names no failure."""
    try:
        said: Any = json.loads(text)
        failed = (said[0] if isinstance(said, list) else said)[_FAILED]["Value"]
        return int(failed[0][_REASON]["Value"][0]) if failed else None
    except (ValueError, KeyError, IndexError, TypeError):
        return None
