"""Radiographs by C-STORE from programs of other makers, and from hostile callers."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import os
import signal
import socket
import subprocess
import urllib.error
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from koa_worker import synthetic
from koa_worker.config import Limits, ReceiverSettings
from koa_worker.errors import SetupError
from koa_worker.intake import digest
from koa_worker.read import read
from koa_worker.receive import receiving
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival
from tests.integration.conftest import PATIENT, SECRETS, Orthanc
from tests.make import until


@pytest.fixture(autouse=True)
def _collect_what_was_left() -> Iterator[None]:
    """A socket that was not closed is an error of the test in which it was opened."""
    yield
    gc.collect()


# How storescu is told to propose a syntax that the file is written in.
SYNTAXES = {
    "implicit": "-xi",
    "explicit": "-xe",
    "jpeg-lossless": "-xs",
    "jpeg-baseline": "-xy",
    "jpeg-2000": "-xv",
    "jpeg-ls": "-xt",
    "rle": "-xr",
    "deflated": "-xd",
}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def settings(**said: Any) -> ReceiverSettings:
    return ReceiverSettings(
        enabled=True, host="127.0.0.1", port=0, callers=("STORESCU@127.0.0.1", "*@127.0.0.2"), **said
    )


@pytest.fixture
def port(inbox: Path, caplog: pytest.LogCaptureFixture) -> Iterator[int]:
    caplog.set_level(logging.INFO, "koa_worker")
    with receiving(settings(timeout_seconds=20), inbox, 5) as number:
        yield number
    assert not any(secret in f"{vars(record)}" for record in caplog.records for secret in SECRETS)


@pytest.fixture
def sent(tmp_path: Path, plate: synthetic.Plate) -> Path:
    path = tmp_path / "sent.dcm"
    write_dicom(path, plate, patient=PATIENT, study_uid="2.25.5")
    return path


def store(program: str, port: int, *options: str | Path, called: str = "KOAWORKER") -> subprocess.Popen[bytes]:
    words = [program, "-aet", "STORESCU", "-aec", called, "127.0.0.1", str(port), *map(str, options)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def whole(inbox: Path) -> list[Path]:
    return sorted(inbox.glob("*.dcm"))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_storescu_sends_in_every_syntax(
    peer: Callable[[str], str], port: int, inbox: Path, tmp_path: Path, plate: synthetic.Plate, syntax: str
) -> None:
    source = tmp_path / "a.dcm"
    write_dicom(source, plate, patient=PATIENT, study_uid="2.25.5", syntax=syntax)
    assert store(peer("storescu"), port, SYNTAXES[syntax], source).wait(60) == 0
    (arrived,) = whole(inbox)
    before, after = pydicom.dcmread(source), pydicom.dcmread(arrived)
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.PixelData == before.PixelData
    assert after.PatientName == before.PatientName
    assert arrived.stat().st_mode & 0o077 == 0
    assert read(Arrival(arrived, digest(arrived), 1, ""), Limits()).pixels.shape == plate.pixels.shape


def test_twenty_at_once_and_one_killed_midway(peer: Callable[[str], str], port: int, inbox: Path, sent: Path) -> None:
    with socket.create_connection(("127.0.0.1", port)) as broken:
        broken.sendall(b"\x01\x00\x00\x00\x01\x00half an association")
        senders = [store(peer("storescu"), port, "-xe", sent) for _ in range(20)]
        assert [sender.wait(120) for sender in senders] == [0] * 20
    assert len(whole(inbox)) == 20
    assert {path.read_bytes()[132:] == whole(inbox)[0].read_bytes()[132:] for path in whole(inbox)} == {True}


def test_a_sender_killed_midway_leaves_nothing(
    peer: Callable[[str], str], inbox: Path, sent: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The real program, by kill -9, when a third of a large object has gone out."""
    large = pydicom.dcmread(sent)
    large.Rows, large.Columns, large.PixelData = 6000, 10000, bytes(120_000_000)
    large.save_as(tmp_path / "large.dcm")
    with receiving(settings(timeout_seconds=20), inbox, 200) as port:
        sender = store(peer("storescu"), port, "-xe", tmp_path / "large.dcm")
        until(lambda: bytes_written(sender.pid) > 40_000_000, pause=0.001)
        sender.kill()
        assert sender.wait(60) == -signal.SIGKILL
        until(lambda: "association aborted" in caplog.text)
        assert list(inbox.iterdir()) == []
        assert store(peer("storescu"), port, "-xe", sent).wait(60) == 0
    assert len(whole(inbox)) == 1


def bytes_written(pid: int) -> int:
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(counts["wchar"])


def associate(port: int, *classes: str, title: str = "STORESCU", called: str = "KOAWORKER") -> Any:
    application = AE(title)
    application.acse_timeout = application.dimse_timeout = 20
    for storage_class in classes or (DigitalXRayImageStorageForPresentation,):
        application.add_requested_context(storage_class, ExplicitVRLittleEndian)
    return application.associate("127.0.0.1", port, ae_title=called)


def test_an_association_cut_midway_leaves_nothing(
    port: int, inbox: Path, sent: Path, caplog: pytest.LogCaptureFixture
) -> None:
    association = associate(port)
    assert association.is_established
    line = association.dul.socket.socket
    # A data set's first fragment, of which the rest never comes.
    line.sendall(b"\x04\x00\x00\x00\x10\x00" + b"\x00\x00\x0f\xfc\x01\x00" + sent.read_bytes()[:1000])
    line.shutdown(socket.SHUT_RDWR)
    association.abort()
    until(lambda: "association aborted" in caplog.text or not association.is_established)
    assert list(inbox.iterdir()) == []


def test_echo_is_answered(peer: Callable[[str], str], port: int) -> None:
    words = [peer("echoscu"), "-aet", "STORESCU", "-aec", "KOAWORKER", "127.0.0.1", str(port)]
    assert subprocess.run(words, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("title", "called", "reason"),
    [("STRANGER", "KOAWORKER", "Calling AE Title Not Recog"), ("STORESCU", "OTHER", "Called AE Title Not Recog")],
)
def test_who_is_not_known_or_means_another_is_refused(
    peer: Callable[[str], str], port: int, title: str, called: str, reason: str
) -> None:
    words = [peer("echoscu"), "-aet", title, "-aec", called, "127.0.0.1", str(port)]
    done = subprocess.run(words, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode != 0
    assert reason in done.stdout + done.stderr


def test_who_comes_from_elsewhere_is_not_even_listened_to(inbox: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "koa_worker")
    known = settings().model_copy(update={"callers": ("*@10.0.0.0/8",)})
    with (
        receiving(known, inbox, 5) as number,
        socket.create_connection(("127.0.0.1", number), 20) as line,
    ):
        assert line.recv(1) == b""
    assert "connection refused" in caplog.text


def test_another_class_or_syntax_is_not_accepted(port: int, inbox: Path) -> None:
    association = associate(port, CTImageStorage)
    assert not association.accepted_contexts
    association.abort()
    assert list(inbox.iterdir()) == []


def send_bytes(port: int, data: bytes, sop_uid: str) -> int:
    """A C-STORE whose data set may be anything."""
    association = associate(port)
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = DigitalXRayImageStorageForPresentation
    request.AffectedSOPInstanceUID = sop_uid
    request.Priority = 2
    request.DataSet = BytesIO(data)
    # As the library does it: its own loop stands still meanwhile.
    association._reactor_checkpoint.clear()
    until(lambda: association._is_paused)
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    return int(answer.Status)


def test_garbage_is_refused(port: int, inbox: Path) -> None:
    assert send_bytes(port, b"Dear colleague, " * 100, "1.2.3") == 0xC000
    assert list(inbox.iterdir()) == []


def test_what_is_not_what_was_announced_is_refused(port: int, inbox: Path, sent: Path) -> None:
    header = pydicom.dcmread(sent, stop_before_pixels=True)
    data = sent.read_bytes()[144 + header.file_meta.FileMetaInformationGroupLength :]
    assert send_bytes(port, data, "1.2.3") == 0xA900
    assert send_bytes(port, data, header.SOPInstanceUID) == 0x0000
    assert len(whole(inbox)) == 1


def test_more_than_the_limit_is_cut_off(
    peer: Callable[[str], str], inbox: Path, sent: Path, caplog: pytest.LogCaptureFixture
) -> None:
    header = pydicom.dcmread(sent)
    header.PixelData = b"\0" * 4_000_000
    header.save_as(sent)
    with receiving(settings(timeout_seconds=20), inbox, 1) as number:
        assert store(peer("storescu"), number, "-xe", sent).wait(60) != 0
    assert "object too large" in caplog.text
    assert list(inbox.iterdir()) == []


def test_a_full_disk_is_said_to_be_one(port: int, inbox: Path, sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    association = associate(port)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert association.send_c_store(sent).Status == 0xA700
    assert list(inbox.iterdir()) == []
    assert association.send_c_store(sent).Status == 0x0000
    association.release()
    assert len(whole(inbox)) == 1


def test_orthanc_sends_on(orthanc: Orthanc, port: int, inbox: Path, sent: Path) -> None:
    orthanc.knows("koa", "KOAWORKER", port)
    with orthanc.running():
        added = orthanc.get("/instances", sent.read_bytes())
        # Orthanc calls itself ORTHANC, which this receiver does not know.
        answer = orthanc_store(orthanc, added["ID"])
    assert answer is False
    assert list(inbox.iterdir()) == []


def orthanc_store(orthanc: Orthanc, instance: str) -> bool:
    try:
        return bool(orthanc.get("/modalities/koa/store", instance.encode()))
    except urllib.error.HTTPError:
        return False


def test_the_port_being_taken_is_a_fault_of_the_setup(inbox: Path, port: int) -> None:
    with (
        pytest.raises(SetupError, match="cannot listen"),
        receiving(settings().model_copy(update={"port": port}), inbox, 5),
    ):
        pass


def test_what_a_kill_left_is_swept_away(inbox: Path) -> None:
    (inbox / "received-1.part").write_text("half")
    (inbox / "theirs.part").write_text("somebody else's")
    with (inbox / "received-2.part").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # as another daemon does that is writing it
        with receiving(settings(), inbox, 5):
            assert sorted(path.name for path in inbox.iterdir()) == ["received-2.part", "theirs.part"]


def test_with_a_certificate_only_tls_gets_in(
    peer: Callable[[str], str], inbox: Path, sent: Path, papers: tuple[Path, Path]
) -> None:
    certificate, key = papers
    with receiving(settings(tls_certificate=str(certificate), tls_key=str(key)), inbox, 5) as port:
        assert store(peer("storescu"), port, "-xe", "-to", "5", "-ta", "5", sent).wait(60) != 0
        assert whole(inbox) == []
        assert store(peer("storescu"), port, "-xe", "+tla", "+cf", certificate, sent).wait(60) == 0
        assert len(whole(inbox)) == 1


def test_with_an_authority_senders_must_show_a_certificate(
    peer: Callable[[str], str], inbox: Path, sent: Path, papers: tuple[Path, Path]
) -> None:
    certificate, key = papers
    guarded = settings(tls_certificate=str(certificate), tls_key=str(key), tls_authority=str(certificate))
    with receiving(guarded, inbox, 5) as port:
        assert store(peer("storescu"), port, "-xe", "+tla", "+cf", certificate, sent).wait(60) != 0
        assert whole(inbox) == []
        assert store(peer("storescu"), port, "-xe", "+tls", key, certificate, "+cf", certificate, sent).wait(60) == 0
        assert len(whole(inbox)) == 1
