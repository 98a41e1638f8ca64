"""What `koa-worker doctor` finds, each fault made for real, and that it changes nothing."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from koa_worker.commands import doctor
from koa_worker.store import Store
from tests.certificates import make_certificate
from tests.make import free_port


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "_model", lambda _settings: "not loaded here")  # the tests of commands load it


def found(text: str = "") -> dict[str, doctor.Check]:
    Path("config.toml").write_text(text)
    return {one.what: one for one in doctor.check(None)}


def wrong(text: str) -> dict[str, str]:
    return {what: one.says for what, one in found(text).items() if not one.fine}


def test_a_new_installation_is_in_order_and_nothing_is_made(tmp_path: Path) -> None:
    checks = found()
    assert all(one.fine for one in checks.values())
    assert "`run` will make inbox, work, done, rejected, failed, reports" in checks["folders"].says
    assert "`run` will make it" in checks["database"].says
    assert "room for about" in checks["disk"].says
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_folder_that_cannot_be_made_or_is_a_file_is_said() -> None:
    Path("file").write_text("")
    assert "not a folder" in wrong('[folders]\nreports = "file"\n')["folders"]
    assert wrong('[folders]\nreports = "file/below/it"\n')["folders"]
    assert wrong('[folders]\ninbox = "/proc/none/knees"\n')["folders"]


def test_an_older_database_is_not_migrated(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/work/koa.sqlite3").close()
    with sqlite3.connect("work/koa.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '0009'")
    database.close()
    before = Path("work/koa.sqlite3").read_bytes()
    assert "koa-worker db upgrade" in wrong("")["database"]
    assert Path("work/koa.sqlite3").read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another account")
def test_another_account_than_the_owner_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "work/claimed").mkdir(parents=True)
    os.chown(tmp_path / "work/claimed", 12345, 12345)
    checks = found()
    assert list(checks) == ["account"]
    assert "belongs to user 12345" in checks["account"].says
    assert not checks["account"].fine


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = f'[dicom.receiver]\nenabled = true\nhost = "127.0.0.1"\nport = {port}\n[metrics]\nport = {port}\n'
        said = wrong(text)
        assert set(said) == {"receiver", "metrics"}
        assert "already in use" in said["receiver"]
    assert wrong(text) == {}


def destination(port: int, more: str = "") -> str:
    return (
        f'[[dicom.destinations]]\nname = "pacs"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = {port}\n'
        f"timeout_seconds = 5.0\n{more}"
    )


@contextmanager
def listening(callers: list[str]) -> Iterator[int]:
    application = AE("PACS")
    application.add_supported_context(Verification)
    application.require_calling_aet = callers
    server: Any = application.start_server(("127.0.0.1", 0), block=False)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_a_destination_is_asked() -> None:
    with listening([]) as port:
        checks = found(destination(port))
        assert checks["destination pacs"].fine, checks
        assert "C-ECHO" in checks["destination pacs"].says
    with listening(["SOMEBODY"]) as port:
        assert "calling ae title not recognised" in wrong(destination(port))["destination pacs"]
    assert "refused" in wrong(destination(free_port()))["destination pacs"]


def test_the_files_for_tls_are_read_with_their_end(peer: Any, tmp_path: Path) -> None:
    peer("openssl")
    text = '[dicom.receiver]\nenabled = true\nhost = "127.0.0.1"\nport = 0\ntls_certificate = "a.pem"\n'
    assert "No such file" in wrong(text)["TLS"]
    Path("a.pem").write_text("nothing")
    assert "not a certificate" in wrong(text)["TLS"]
    make_certificate(tmp_path / "a.pem", days=400)
    assert found(text)["TLS"].says.startswith("valid until 20")
    make_certificate(tmp_path / "a.pem", days=5)
    assert found(text)["TLS"].says.endswith("which is soon")
    make_certificate(tmp_path / "a.pem", days=-1)
    assert "receiver tls_certificate: expired on 20" in wrong(text)["TLS"]


def test_a_clock_that_was_set_back_is_noticed(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/work/koa.sqlite3").close()
    assert wrong("") == {}
    with sqlite3.connect("work/koa.sqlite3") as database:
        database.execute(
            "INSERT INTO files (id, name, sha256, size, state, starts, tries, arrived_at) "
            "VALUES ('a', '', 'a', 1, 'waiting', 0, 0, '2100-01-01 00:00:00.000000')"
        )
    database.close()
    assert "2100-01-01" in wrong("")["clock"]
