"""Two defences against invalid messages of a peer: each works alone, and neither quotes the message."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from koa_worker.system import dicom_bounds
from koa_worker.system.dicom_associations import set_up_pynetdicom
from tests.make import until

SECONDS = 30.0


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    set_up_pynetdicom()
    application = AE("THERE")
    application.add_supported_context(Verification)
    server = application.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    yield "127.0.0.1", int(server.server_address[1])
    server.shutdown()


@pytest.mark.parametrize("said", [b"", b"\xff\xff", b"Secret^Name"])
def test_a_message_that_makes_no_sense_ends_its_association_at_the_messages(
    address: tuple[str, int], said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    application = AE("HERE")
    application.add_requested_context(Verification)
    association = application.associate(*address)
    line = association.dul.socket
    assert line is not None
    assert line.socket is not None
    body = struct.pack(">LBB", len(said) + 2, 1, 0x03) + said
    line.socket.sendall(struct.pack(">BBL", 0x04, 0, len(body)) + body)
    until(lambda: "message not understood" in caplog.text, SECONDS)
    until(lambda: not association.is_established, SECONDS)
    assert "association lost" not in caplog.text
    assert "Secret" not in caplog.text


def test_a_loop_that_breaks_is_one_line_of_the_log_and_closes_its_connection(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_loop: Any) -> None:
        raise ValueError("Secret^Name")

    monkeypatch.setattr(dicom_bounds, "_library_reactor", broken)
    with socket.create_connection(address, SECONDS) as line:
        assert line.recv(1) == b""
    until(lambda: "association lost" in caplog.text, SECONDS)
    (record,) = (record for record in caplog.records if record.message == "association lost")
    assert "ValueError" in vars(record)["fault"]
    assert "Secret" not in caplog.text + vars(record)["fault"]
