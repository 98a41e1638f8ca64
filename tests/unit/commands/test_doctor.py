"""The findings of `koa-worker doctor` for real faults, and that it changes nothing."""

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
from tests.dicomweb import archive
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


def web(url: str, more: str = "") -> str:
    return (
        f'[[dicom.destinations]]\nname = "web"\nprotocol = "stow"\nurl = "{url}"\ntimeout_seconds = 5.0\n'
        f'token_file = "token"\n{more}'
    )


def test_an_archive_is_asked_for_a_study_that_nobody_has() -> None:
    Path("token").write_text("a-token")
    with archive(204, b"") as (url, seen):
        checks = found(web(url))
    assert checks["destination web"].fine
    assert checks["destination web"].says == "answers, without TLS, and takes the token"
    (asked,) = seen
    assert asked["Request"].startswith("GET /dicom-web/studies?StudyInstanceUID=2.25.")
    assert asked["Authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "look at the token"),
        (403, "look at the token"),
        (404, "no DICOMweb service at this url"),
        (302, "HTTP 302"),
        (503, "HTTP 503"),
    ],
)
def test_an_archive_that_would_take_nothing_is_said(status: int, hint: str) -> None:
    Path("token").write_text("a-token")
    with archive(status) as (url, _):
        said = wrong(web(url))
    assert hint in said["destination web"]
    assert "a-token" not in said["destination web"]


@pytest.mark.parametrize("status", [400, 405, 406, 501])
def test_an_archive_without_queries_may_store_all_the_same(status: int) -> None:
    Path("token").write_text("a-token")
    with archive(status) as (url, _):
        check = found(web(url))["destination web"]
    assert check.fine
    assert check.says == f"answers HTTP {status} to a query, which does not tell whether it stores, without TLS"


def test_an_archive_that_is_not_there_or_a_token_that_is_not() -> None:
    Path("token").write_text("a-token")
    assert "refused" in wrong(web(f"http://127.0.0.1:{free_port()}"))["destination web"]
    Path("token").unlink()
    with archive(200) as (url, seen):
        assert "file of the token cannot be read" in wrong(web(url))["destination web"]
    assert seen == []


def test_the_certificate_of_an_archive_is_checked(peer: Any, tmp_path: Path) -> None:
    peer("openssl")
    Path("token").write_text("a-token")
    make_certificate(tmp_path / "ca.pem", days=5)
    make_certificate(tmp_path / "a.pem", days=5, signer=tmp_path / "ca.pem")
    with archive(200, certificate=tmp_path / "a.pem") as (url, seen):
        assert "certificate is not accepted: " in wrong(web(url))["destination web"]
        assert seen == []  # and the token was not shown
        check = found(web(url, 'tls_authority = "ca.pem"\n'))["destination web"]
    assert check.says == "answers, by TLS, and takes the token"


def test_the_folder_of_a_destination() -> None:
    text = '[[dicom.destinations]]\nname = "registry"\nprotocol = "folder"\nfolder = "registry"\n'
    assert "does not exist" in wrong(text)["destination registry"]
    Path("registry").mkdir()
    assert found(text)["destination registry"].says.startswith("its folder can be written, ")
    assert list(Path("registry").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said() -> None:
    Path("registry").mkdir(mode=0o500)
    text = '[[dicom.destinations]]\nname = "registry"\nprotocol = "folder"\nfolder = "registry"\n'
    assert "no permission" in wrong(text)["destination registry"]


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


def test_the_secret_of_a_sign_on_is_read(tmp_path: Path) -> None:
    text = '[web]\nproxy = "127.0.0.1"\nsign_on_header = "X-Forwarded-User"\nsign_on_secret_file = "secret"\n'
    assert "No such file" in wrong(text)["sign-on"]
    Path("secret").write_text("short\n")
    assert "fewer than 32" in wrong(text)["sign-on"]
    Path("secret").write_text("s" * 32)
    assert found(text)["sign-on"].says == "the proxy at 127.0.0.1 names users in X-Forwarded-User"
