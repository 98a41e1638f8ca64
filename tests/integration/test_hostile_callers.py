"""Hostile and faulty callers: with any announcement memory stays constant, and other callers are served."""

from __future__ import annotations

import gc
import logging
import os
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from koa_worker import synthetic
from koa_worker.config import ReceiverSettings
from koa_worker.receive import receiving
from koa_worker.synthetic.write import write_dicom
from koa_worker.system.dicom_bounds import MOST_PDU_BYTES, SECONDS_TO_ASK
from tests.make import until

VERIFICATION = "1.2.840.10008.1.1"
MOST_MB = 40  # that memory may grow by, which these attacks brought to hundreds
DATA, REQUEST = 0x04, 0x01


@pytest.fixture(autouse=True)
def _collect_what_was_left() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def port(inbox: Path, caplog: pytest.LogCaptureFixture) -> Iterator[int]:
    caplog.set_level(logging.INFO, "koa_worker")
    settings = ReceiverSettings(enabled=True, host="127.0.0.1", port=0, callers=("*@127.0.0.0/8",), timeout_seconds=20)
    with receiving(settings, inbox, 300) as number:
        yield number


@pytest.fixture
def film(tmp_path: Path, plate: synthetic.Plate) -> pydicom.FileDataset:
    write_dicom(tmp_path / "film.dcm", plate, study_uid="2.25.5")
    return pydicom.dcmread(tmp_path / "film.dcm")


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))


def associate(port: int, *contexts: str, source: str = "127.0.0.1", syntax: str = ExplicitVRLittleEndian) -> Any:
    application = AE("CALLER")
    application.acse_timeout = application.dimse_timeout = 20
    for context in contexts or (VERIFICATION,):
        application.add_requested_context(context, syntax)
    return application.associate("127.0.0.1", port, ae_title="KOAWORKER", bind_address=(source, 0))


def echoes(port: int, source: str = "127.0.0.1") -> bool:
    association = associate(port, source=source)
    answered = association.is_established and association.send_c_echo().get("Status") == 0
    association.release()
    return bool(answered)


def is_cut(line: socket.socket, data: bytes = b"", most: int = 1 << 30) -> bool:
    """Sends on and on; whether the other side hangs up before `most` bytes."""
    line.settimeout(30)
    try:
        while most > 0:
            if data:
                line.sendall(data)
            elif not line.recv(1 << 16):
                return True
            most -= max(len(data), 1)
    except OSError:  # also where the library on this side has closed it already
        return True
    return False


def encoded(command: Dataset) -> bytes:
    """With its group length in front."""
    stream = pydicom.filebase.DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    pydicom.filewriter.write_dataset(stream, command)
    return struct.pack("<HHLL", 0, 0, 4, len(stream.getvalue())) + stream.getvalue()


@pytest.mark.parametrize("kind", [REQUEST, DATA])
def test_a_pdu_of_four_gigabytes_is_not_waited_for(port: int, kind: int) -> None:
    before = resident_mb()
    with connect(port) if kind == REQUEST else associate(port).dul.socket.socket as line:
        line.sendall(struct.pack(">BBL", kind, 0, 0xFFFFFFFF))
        assert is_cut(line, bytes(1 << 20), 300 << 20)
    assert resident_mb() - before < MOST_MB
    assert echoes(port)


def test_a_request_that_trickles_is_cut(port: int) -> None:
    with connect(port) as line:
        start = time.monotonic()
        line.sendall(struct.pack(">BBL", REQUEST, 0, 60_000))
        try:
            while time.monotonic() - start < 3 * SECONDS_TO_ASK:
                line.sendall(b"\0")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - start < 2 * SECONDS_TO_ASK


@pytest.mark.parametrize("control", [0x01, 0x00])
def test_a_command_without_end_and_a_data_set_without_command_are_cut(port: int, control: int) -> None:
    association = associate(port)
    before = resident_mb()
    piece = struct.pack(">LBB", 16_002, 1, control) + bytes(16_000)
    with association.dul.socket.socket as line:
        assert is_cut(line, struct.pack(">BBL", DATA, 0, len(piece)) + piece, 200 << 20)
    assert resident_mb() - before < MOST_MB
    assert echoes(port)


def test_a_data_set_with_an_echo_is_cut(port: int) -> None:
    association = associate(port)
    command = Dataset()
    command.AffectedSOPClassUID, command.CommandField, command.MessageID = VERIFICATION, 0x0030, 1
    command.CommandDataSetType = 0x0001
    said = encoded(command)
    pieces = [(0x03, said), *[(0x00, bytes(16_000))] * 2000]
    with association.dul.socket.socket as line:
        data = b"".join(
            struct.pack(">BBLLBB", DATA, 0, len(piece) + 6, len(piece) + 2, 1, control) + piece
            for control, piece in pieces
        )
        assert is_cut(line, data, len(data) * 4)


def stored(port: int, data: bytes, sop_class: str, sop_uid: str, syntax: str) -> int:
    """The status of a C-STORE whose data set may be anything."""
    association = associate(port, sop_class, syntax=syntax)
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, sop_uid
    request.DataSet = BytesIO(data)
    association._reactor_checkpoint.clear()
    until(lambda: association._is_paused)
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    return int(answer.Status)


def test_a_deflated_object_is_not_inflated(port: int, inbox: Path) -> None:
    """700 kB of it would be 700 MB."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3"
    stream = pydicom.filebase.DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    pydicom.filewriter.write_dataset(stream, header)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflater.compress(stream.getvalue() + struct.pack("<HH2s2xL", 0x0009, 0x1010, b"OB", 700 << 20))
    bomb += b"".join(deflater.compress(bytes(1 << 20)) for _ in range(700)) + deflater.flush()
    before, start = resident_mb(), time.monotonic()
    said = stored(port, bomb, DigitalXRayImageStorageForPresentation, "1.2.3", DeflatedExplicitVRLittleEndian)
    assert said == 0  # whether it can be graded, a worker process says
    assert time.monotonic() - start < 20
    assert resident_mb() - before < MOST_MB
    assert len(list(inbox.glob("*.dcm"))) == 1


def test_a_large_object_goes_to_the_disk_as_it_comes(port: int, inbox: Path) -> None:
    association = associate(port, DigitalXRayImageStorageForPresentation)
    line = association.dul.socket.socket
    command = Dataset()
    command.AffectedSOPClassUID, command.CommandField = DigitalXRayImageStorageForPresentation, 0x0001
    command.MessageID, command.Priority, command.CommandDataSetType = 1, 2, 0x0001
    command.AffectedSOPInstanceUID = "1.2.3"
    said = encoded(command)
    before = resident_mb()
    piece = bytes(16_000)
    line.sendall(struct.pack(">BBLLBB", DATA, 0, len(said) + 6, len(said) + 2, 1, 0x03) + said)
    for _ in range(150_000_000 // len(piece)):
        line.sendall(struct.pack(">BBLLBB", DATA, 0, len(piece) + 6, len(piece) + 2, 1, 0x00) + piece)
    until(lambda: any(part.stat().st_size > 140_000_000 for part in inbox.glob("*.part")))
    assert resident_mb() - before < MOST_MB
    line.shutdown(socket.SHUT_RDWR)
    association.abort()
    until(lambda: not list(inbox.iterdir()))


def test_garbage_leaves_no_traceback_and_no_thread(
    port: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = threading.active_count()
    for body in (b"", b"\0\0\0\x01\x01", b"\0\0\0\x04\x01\x03\xff\xff", b"\0\0\0\x20\x63\x03" + os.urandom(30)):
        line = associate(port).dul.socket.socket
        line.sendall(struct.pack(">BBL", DATA, 0, len(body)) + body)
        line.sendall(os.urandom(64))
        line.close()
    until(lambda: threading.active_count() <= before)
    assert echoes(port)
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    assert not any(record.exc_info for record in caplog.records if record.name.startswith("koa_worker"))


def test_silent_connections_take_no_place(port: int) -> None:
    silent = [connect(port) for _ in range(60)]
    try:
        assert echoes(port, "127.0.0.2")
        until(lambda: all(is_cut(line) for line in silent), 4 * SECONDS_TO_ASK)
    finally:
        for line in silent:
            line.close()


def test_a_silent_connection_is_not_waited_for_as_long_as_one_at_work(inbox: Path) -> None:
    settings = ReceiverSettings(
        enabled=True, host="127.0.0.1", port=0, callers=("*@127.0.0.0/8",), timeout_seconds=10 * SECONDS_TO_ASK
    )
    with receiving(settings, inbox, 300) as port, connect(port) as line:
        start = time.monotonic()
        assert is_cut(line)
        assert time.monotonic() - start < 5 * SECONDS_TO_ASK


def test_a_burst_from_one_address_leaves_connections_to_the_others(inbox: Path) -> None:
    """Of 16 connections one address may hold 12, also where all come in the same instant."""
    settings = ReceiverSettings(
        enabled=True, host="127.0.0.1", port=0, callers=("*@127.0.0.0/8",), max_associations=4, timeout_seconds=20
    )
    with receiving(settings, inbox, 300) as port, ExitStack() as lines:
        burst = [lines.enter_context(socket.socket()) for _ in range(100)]
        for line in burst:
            line.setblocking(False)
            line.connect_ex(("127.0.0.1", port))
        most, give_up = 0, time.monotonic() + 4
        while time.monotonic() < give_up:  # those that the kernel's queue did not hold come again after a second
            most = max(most, held_by("127.0.0.1"))
            time.sleep(0.001)
        assert echoes(port, "127.0.0.2")
        assert most == 12


def held_by(address: str) -> int:
    """How many connections a receiver of this process has let in from there."""
    guests = [one for one in threading.enumerate() if isinstance(one, Association) and one.is_acceptor]
    return sum(str(guest.requestor.address) == address for guest in guests)


def test_one_address_does_not_hold_every_place(port: int, caplog: pytest.LogCaptureFixture) -> None:
    held = [associate(port, source="127.0.0.3") for _ in range(40)]
    assert sum(association.is_established for association in held) == 24
    assert "too many associations" in caplog.text
    assert echoes(port, "127.0.0.2")
    assert not echoes(port, "127.0.0.3")
    for association in held:
        association.release()
    until(lambda: echoes(port, "127.0.0.3"))


@pytest.mark.parametrize("said", [b"", struct.pack(">BBL", REQUEST, 0, 0x7FFFFFFF), b"GET / HTTP/1.1\r\n\r\n"])
def test_who_leaves_before_an_association_holds_no_place(port: int, said: bytes) -> None:
    for _ in range(100):
        with connect(port) as line:
            line.sendall(said)
    start = time.monotonic()
    assert echoes(port)
    assert time.monotonic() - start < 2 * SECONDS_TO_ASK


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_hostile_associations_leave_memory_flat(port: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest keeps each log record, whose traceback keeps the association: 10,000 of them take 540 MB.
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    attack(port, 100)
    before = resident_mb()
    attack(port, count)
    until(lambda: echoes(port, "127.0.0.2"), 120)  # after those that the kernel still holds
    grown = resident_mb() - before
    print(f"{count} hostile associations: {grown:+.1f} MB on {before:.0f} MB")
    assert grown < MOST_MB


def attack(port: int, count: int) -> None:
    """Some announce what never comes, the others send what makes no sense."""
    for number in range(count):
        with connect(port) as line:
            line.sendall(
                struct.pack(">BBL", number % 9, 0, MOST_PDU_BYTES - 1) + os.urandom(2000)
                if number % 2
                else struct.pack(">BBL", REQUEST, 0, 0x7FFFFFFF)
            )


OTHERS = {
    "a text report": (BasicTextSRStorage, "Agfa", 0xB006, 0),
    "a presentation state": (GrayscaleSoftcopyPresentationStateStorage, "Agfa", 0xB006, 0),
    "an own result": (SecondaryCaptureImageStorage, "koa-worker", 0x0000, 0),
    "an own report": (BasicTextSRStorage, "koa-worker", 0x0000, 0),
    "a digitised film": (SecondaryCaptureImageStorage, "Vidar", 0x0000, 1),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_to_be_graded_is_acknowledged_and_dropped(
    port: int, inbox: Path, film: pydicom.FileDataset, what: str
) -> None:
    sop_class, maker, status, kept = OTHERS[what]
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = sop_class
    film.Manufacturer, film.ManufacturerModelName = maker, ""
    film.ImageType = ["DERIVED", "SECONDARY"]
    association = associate(port, sop_class)
    assert association.send_c_store(film).Status == status
    association.release()
    assert len(list(inbox.iterdir())) == kept


def test_storescu_sends_a_study_with_what_is_no_image(
    peer: Callable[[str], str], port: int, inbox: Path, tmp_path: Path, film: pydicom.FileDataset
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    for number, sop_class in enumerate(
        (BasicTextSRStorage, DigitalXRayImageStorageForPresentation, BasicTextSRStorage)
    ):
        film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = sop_class
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        film.save_as(folder / f"{number}.dcm")
    words = [peer("storescu"), "-aec", "KOAWORKER", "127.0.0.1", str(port), "+sd", str(folder)]
    assert subprocess.run(words, check=False, timeout=60).returncode == 0
    assert len(list(inbox.glob("*.dcm"))) == 1


def test_a_flood_of_echoes_that_waits_for_no_answer_is_cut(port: int) -> None:
    association = associate(port)
    command = Dataset()
    command.AffectedSOPClassUID, command.CommandField, command.MessageID = VERIFICATION, 0x0030, 1
    command.CommandDataSetType = 0x0101
    said = encoded(command)
    echo = struct.pack(">BBLLBB", DATA, 0, len(said) + 6, len(said) + 2, 1, 0x03) + said
    line = association.dul.socket.socket
    assert is_cut(line, echo * 500, 100 << 20)
