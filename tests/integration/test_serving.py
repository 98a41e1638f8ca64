"""The page from a real server: its answers, and the requests that it refuses before the application runs."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.intake import prepare_folders
from koa_worker.store import Store
from koa_worker.values import Role
from koa_worker.web.guard import peer, preflight
from koa_worker.web.guard.passwords import Cost, hashed, new_token, secret_hash
from koa_worker.web.serving.serve import serving

UPLOADS = "/api/v1/uploads"
SCRIPT = {"X-CSRF-Token": "script"}


def settings(folder: Path, **web: object) -> Config:
    limits = {"min_free_mb": 0, "max_file_mb": 1}
    made = Config.model_validate({"web": {"port": 0, **web}, "limits": limits}).below(folder)
    prepare_folders(made.folders)
    return made


Serve = Callable[..., tuple[str, int]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**web: object) -> tuple[str, int]:
            address = stack.enter_context(serving(settings(tmp_path, **web)))
            host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
            return host, int(port)

        yield start


def ask(
    place: tuple[str, int], method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*place, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if answer.headers.get_content_subtype() == "json" else content
    finally:
        connection.close()


def add_user(folder: Path, role: Role = Role.READ) -> dict[str, str]:
    """Gives what its script sends."""
    token = new_token()
    with Store.open(settings(folder).store.url) as store:
        store.accounts.add_user(role.value, role, hashed("correct horse", Cost(n=16, r=1, p=1)))
        store.accounts.add_token(role.value, "test", secret_hash(token), None)
    return {"Authorization": f"Bearer {token}"}


def inbox(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "work/inbox").iterdir())


def test_it_serves_and_stops(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as address:
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert RESEARCH_NOTICE in answer.read().decode()
        port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(SetupError, match="cannot listen"), serving(settings(tmp_path, port=port)):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=10)


@pytest.mark.parametrize("web", [{"host": "0.0.0.0"}, {"host": "::"}, {"proxy": "127.0.0.1"}])
def test_without_users_no_other_machine_is_served(tmp_path: Path, web: dict[str, object]) -> None:
    with pytest.raises(SetupError, match="there are no users"), serving(settings(tmp_path, **web)):
        pass
    add_user(tmp_path)
    with serving(settings(tmp_path, **web)) as address:
        assert address.startswith("http://")


def test_a_script_uploads_and_asks(serve: Serve, tmp_path: Path) -> None:
    place = serve()
    status, said = ask(place, "POST", UPLOADS, b"\x89PNG", SCRIPT)
    assert (status, said["state"]) == (202, "waiting")
    assert inbox(tmp_path) == [f"upload-{said['id']}.png"]
    assert ask(place, "GET", said["url"])[1] == said


def test_a_body_in_chunks_is_taken(serve: Serve, tmp_path: Path) -> None:
    place = serve()
    connection = http.client.HTTPConnection(*place, timeout=20)
    connection.request("POST", UPLOADS, iter([b"\x89PNG", b" in", b" chunks"]), SCRIPT, encode_chunked=True)
    assert connection.getresponse().status == 202
    connection.close()
    (name,) = inbox(tmp_path)
    assert (tmp_path / "work/inbox" / name).read_bytes() == b"\x89PNG in chunks"


def test_four_threads_serve_twenty_open_pages_and_one_more_caller(serve: Serve) -> None:
    place = serve(threads=4)
    first = http.client.HTTPConnection(*place, timeout=20)
    first.request("GET", "/")
    tag = first.getresponse().headers["ETag"]
    first.close()
    pages = [
        http.client.HTTPConnection(*place, timeout=20, source_address=(f"127.0.0.{number}", 0))
        for number in range(2, 22)
    ]
    for _ in range(3):
        for page in pages:  # all ask before the first reads its answer; their connections stay open
            page.request("GET", "/", headers={"If-None-Match": tag})
        assert ask(place, "GET", "/")[0] == 200
        for page in pages:
            with page.getresponse() as answer:
                assert (answer.status, answer.read()) == (304, b"")
    for page in pages:
        page.close()


# What is refused by its head: the body is never sent here, so an answer shows that none was waited for.


def head(place: tuple[str, int], text: str) -> bytes:
    with socket.create_connection(place, timeout=20) as line:
        line.sendall(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.parametrize(
    "names", [("127.0.0.1:80", "evil.example"), ("evil.example", "127.0.0.1:80"), ("127.0.0.1:80", "127.0.0.1:80")]
)
def test_two_host_names_are_a_bad_request(serve: Serve, names: tuple[str, str]) -> None:
    """The server hands both on as one text; a program before it may have gone by the other name."""
    lines = "\n".join(("GET /login HTTP/1.1", *(f"Host: {name}" for name in names), "Connection: close"))
    assert head(serve(), lines).startswith(b"HTTP/1.1 400 ")


def post(path: str, *headers: str) -> str:
    return "\n".join((f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers))


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (post(UPLOADS, "Content-Length: 900000"), 401, "not_logged_in"),
        (post(UPLOADS, "Content-Length: 900000", "Expect: 100-continue"), 401, "not_logged_in"),
        (post(UPLOADS, "Transfer-Encoding: chunked"), 401, "not_logged_in"),
        (post(UPLOADS, "Content-Length: 9", "Authorization: Bearer koa_guessed"), 401, "not_logged_in"),
        (post(UPLOADS, "Content-Length: 9", "Cookie: koa=guessed"), 401, "not_logged_in"),
        (post(UPLOADS, "Content-Length: 99999999999"), 413, "too_large"),
        (post("/login", "Content-Length: 900000"), 413, "too_large"),
        (post("/login", "Transfer-Encoding: chunked"), 413, "too_large"),
        (post("/api/v1/me", "Transfer-Encoding: gzip"), 501, "bad_request"),
        (post(UPLOADS, "Content-Length: many"), 400, "bad_request"),
    ],
)
def test_refused_before_a_byte_of_the_body_is_read(
    serve: Serve, tmp_path: Path, request_head: str, status: int, code: str
) -> None:
    add_user(tmp_path)
    answer = head(serve(), request_head).decode()
    assert int(answer.split()[1]) == status
    assert "100 Continue" not in answer
    catalogue = json.loads(answer.split("\r\n\r\n")[1])["error"]["code"] if "application/json" in answer else None
    assert catalogue in {code, None}
    assert inbox(tmp_path) == []


def test_a_role_that_may_not_upload_is_refused_by_its_head(serve: Serve, tmp_path: Path) -> None:
    token = add_user(tmp_path, Role.VIEW)["Authorization"]
    answer = head(serve(), post(UPLOADS, "Content-Length: 9", f"Authorization: {token}"))
    assert answer.startswith(b"HTTP/1.1 403")


# What never ends


def sent_until_refused(place: tuple[str, int], parts: Iterator[bytes], pause: float, *headers: str) -> tuple[int, int]:
    """The server's answer, and the number of bytes of the body that it accepted before."""
    sent = 0
    with socket.create_connection(place, timeout=20) as line:
        line.sendall((post(UPLOADS, "X-CSRF-Token: script", *headers) + "\n\n").replace("\n", "\r\n").encode())
        line.settimeout(pause)
        for part in parts:
            try:
                line.sendall(part)
                sent += len(part)
                answer = line.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return 0, sent  # it hung up: what it had said is lost
            return int(answer.split()[1]), sent
    raise AssertionError("it took everything")


def test_an_endless_upload_is_cut_off_at_the_limit(serve: Serve, tmp_path: Path) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    place = serve()
    status, sent = sent_until_refused(place, (chunk for _ in range(1000)), 0.01, "Transfer-Encoding: chunked")
    assert status in {413, 0}
    assert sent < 20_000_000
    assert inbox(tmp_path) == []
    assert ask(place, "GET", "/api/v1/me")[0] == 200


@pytest.mark.parametrize("length", ["Transfer-Encoding: chunked", "Content-Length: 900000"])
def test_an_upload_that_trickles_is_cut_off_in_time(serve: Serve, tmp_path: Path, length: str) -> None:
    place = serve(upload_seconds=1.0)
    start = time.monotonic()
    status, _ = sent_until_refused(place, (b"1\r\nx\r\n" for _ in range(200)), 0.1, length)
    assert status == 408
    assert time.monotonic() - start < 15
    assert inbox(tmp_path) == []


def test_a_head_that_trickles_is_cut_off_in_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_SECONDS_FOR_A_FORM", 1.0)
    with socket.create_connection(serve(), timeout=15) as line:
        line.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert line.recv(65536).split()[1] == b"408"


def test_so_many_uploads_at_once(serve: Serve, tmp_path: Path) -> None:
    place = serve(uploads_at_once=1)
    with socket.create_connection(place, timeout=20) as first:
        first.sendall(
            (post(UPLOADS, "X-CSRF-Token: script", "Content-Length: 9") + "\n\n").replace("\n", "\r\n").encode()
        )
        first.sendall(b"\x89PNG")
        time.sleep(0.5)
        assert head(place, post(UPLOADS, "X-CSRF-Token: script", "Content-Length: 9")).startswith(b"HTTP/1.1 503")
        assert ask(place, "GET", "/api/v1/me")[0] == 200
        first.sendall(b" rest")
        assert first.recv(65536).startswith(b"HTTP/1.1 202")
    # Its place is free a moment after its answer: the server writes the answer first and tidies up then.
    patience = time.monotonic() + 20
    while (status := ask(place, "POST", UPLOADS, b"\x89PNG", SCRIPT)[0]) == 503 and time.monotonic() < patience:
        time.sleep(0.05)
    assert status == 202


def test_fifty_logins_a_second_are_refused(serve: Serve, tmp_path: Path) -> None:
    add_user(tmp_path)
    place = serve()
    connection = http.client.HTTPConnection(*place, timeout=20)
    connection.request("GET", "/login")
    page = connection.getresponse()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = page.read().decode().partition('name="csrf" content="')[2].partition('"')[0]
    said = []
    start = time.monotonic()
    for number in range(50):
        body = f"csrf={token}&name=read&password=guess{number}"
        kind = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", body, kind)
        answer = connection.getresponse()
        answer.read()
        said.append(answer.status)
    connection.close()
    assert time.monotonic() - start < 60
    assert said == [401] * 10 + [429] * 40


# Who is at the other end


def test_behind_a_proxy_the_caller_is_who_it_says(serve: Serve, tmp_path: Path) -> None:
    token = add_user(tmp_path)
    place = serve(proxy="127.0.0.1")
    passed_on = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https"}
    assert ask(place, "POST", UPLOADS, b"\x89PNG", {**token, **passed_on})[0] == 202
    with Store.open(settings(tmp_path).store.url) as store:
        (entry,) = store.audit.entries()
    assert (entry.who, entry.action, entry.address) == ("read", "upload", "10.9.8.7")


def test_without_a_proxy_nobody_is_believed(serve: Serve, tmp_path: Path) -> None:
    place = serve()
    assert ask(place, "GET", "/", headers={"X-Forwarded-For": "127.0.0.1"})[0] == 403
    token = add_user(tmp_path)
    assert ask(place, "POST", UPLOADS, b"\x89PNG", {**token, "X-Forwarded-For": "10.9.8.7"})[0] == 202
    with Store.open(settings(tmp_path).store.url) as store:
        assert store.audit.entries()[0].address == "127.0.0.1"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system does not tell whose a connection is")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_another_account_of_this_machine_is_told_apart(family: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    try:
        door = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("this machine has no such address")
    with door, socket.create_connection(door.getsockname()[:2]) as _theirs, door.accept()[0] as ours:
        assert peer.may_be_ours(ours)
        monkeypatch.setattr("os.geteuid", lambda: 54321)
        monkeypatch.setattr(peer, "_ROOT", 54322)
        assert not peer.may_be_ours(ours)


def test_without_users_another_account_is_refused(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "may_be_ours", lambda _connection: False)
    place = serve()
    status, said = ask(place, "GET", "/api/v1/me")
    assert (status, said["error"]["code"]) == (403, "not_here")
    assert ask(place, "GET", "/api/v1/me", headers=add_user(tmp_path))[0] == 200


def test_a_hundred_idle_connections_silence_nobody(serve: Serve) -> None:
    place = serve()
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(place, 20)) for _ in range(150)]
        assert ask(place, "GET", "/api/v1/status")[0] == 200
        time.sleep(3)  # two rounds of what looks after them
        still = 0
        for line in idle:
            line.setblocking(False)
            try:
                still += line.recv(1) != b""
            except BlockingIOError:
                still += 1
        assert still <= 45
        assert ask(place, "GET", "/api/v1/status")[0] == 200


def test_idle_connections_of_several_addresses_silence_nobody(serve: Serve) -> None:
    """None of them holds more than one address may, and together they are more than waitress would take by itself."""
    place = serve()
    with ExitStack() as stack:
        for number in range(120):
            source = (f"127.0.0.{2 + number % 3}", 0)
            stack.enter_context(socket.create_connection(place, 20, source_address=source))
        start = time.monotonic()
        assert ask(place, "GET", "/api/v1/status")[0] == 200
        assert time.monotonic() - start < 10


def test_a_connection_that_says_nothing_is_closed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koa_worker.web.serving.serve._SECONDS_OF_SILENCE", 1)
    with socket.create_connection(serve(), 20) as line:
        assert line.recv(1) == b""
