"""Uploads: into the inbox like an exported file, or refused."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from koa_worker.config import Config
from koa_worker.intake import Waiting, claim, scan
from koa_worker.store import State, Store
from koa_worker.values import Rejected
from koa_worker.web import create_app
from koa_worker.web.receive_upload import sweep

UPLOADS = "/api/v1/uploads"
SCRIPT = {"X-CSRF-Token": "script"}  # what a script at this machine sends


def send(client: FlaskClient, data: Any = b"\x89PNG bytes", name: str = "knee.png", **more: Any) -> TestResponse:
    headers = {**SCRIPT, "Content-Disposition": f'attachment; filename="{name}"', **more.pop("headers", {})}
    return client.post(UPLOADS, data=data, content_type="application/octet-stream", headers=headers, **more)


def files(config: Config) -> list[Path]:
    return sorted(config.folders.inbox.iterdir())


def with_web(config: Config, **settings: Any) -> Config:
    return config.model_copy(update={"web": config.web.model_copy(update=settings)})


def test_an_upload_lies_in_the_inbox(client: FlaskClient, config: Config, store: Store) -> None:
    answer = send(client)
    assert answer.status_code == 202
    (path,) = files(config)
    assert path.read_bytes() == b"\x89PNG bytes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = answer.json
    assert said is not None
    assert path.name == f"upload-{said['id']}.png"
    assert said["sha256"] == hashlib.sha256(b"\x89PNG bytes").hexdigest()
    assert (said["state"], said["name"], said["size"]) == ("waiting", "knee.png", 10)
    assert answer.headers["Location"] == f"{UPLOADS}/{said['id']}"
    assert [waiting.path for waiting in scan(config.folders.inbox).oldest] == [path]
    assert [(entry.who, entry.action, entry.subject) for entry in store.audit.entries()] == [
        ("local", "upload", said["id"])
    ]


def follow(client: FlaskClient, said: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(said["url"])
    assert answer.status_code == 200
    assert answer.json is not None
    return dict(answer.json)


def take(config: Config, store: Store) -> Any:
    """As the dispatcher does."""
    (path,) = [path for path in files(config) if not path.name.startswith(".")]
    facts = path.stat()
    taken = claim(Waiting(facts.st_mtime_ns, path, facts.st_size), config.folders.work)
    assert taken is not None
    arrival = taken.load(0)[0]
    store.files.add_arrival(arrival, store.uploads.now())
    return arrival


def test_it_is_followed_to_its_rejection_and_the_same_bytes_to_the_same(
    client: FlaskClient, config: Config, store: Store
) -> None:
    said = send(client).json
    arrival = take(config, store)
    assert follow(client, said)["state"] == "waiting"
    store.files.start(arrival.id, "w")
    assert follow(client, said)["state"] == "working"
    store.files.reject(arrival.id, Rejected(arrival, "truncated", "7 of 10 bytes"), "rejected/x")
    rejected = follow(client, said)
    assert (rejected["state"], rejected["is_duplicate"], rejected["file_id"]) == ("rejected", False, arrival.id)
    assert rejected["error"]["code"] == "truncated"
    assert rejected["error"]["sentence"] == "The file is truncated: its end is missing (7 of 10 bytes)."
    assert rejected["error"]["remedy"]
    again = send(client, name="other.png").json
    assert take(config, store).id != arrival.id
    twin = follow(client, again)
    assert (twin["state"], twin["is_duplicate"], twin["file_id"]) == ("rejected", True, arrival.id)
    assert store.counts.status().counts[State.DUPLICATE] == 1


NAMES = [
    "../../etc/passwd",
    "..\\..\\x.dcm",
    "/etc/passwd",
    "a/b.dcm",
    "<img src=x onerror=alert(1)>.html",
    "\u202egnp.dcm",
    "x" * 4000,
    "",
    ".",
    "..",
    "nul\0.dcm",
    "%2e%2e%2fx",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_nowhere(client: FlaskClient, config: Config, name: str) -> None:
    headers = {
        "Content-Disposition": "attachment; filename*=UTF-8''" + "".join(f"%{byte:02x}" for byte in name.encode())
    }
    before = {path for path in config.folders.inbox.parent.parent.rglob("*") if "inbox" not in path.parts}
    said = send(client, headers=headers).json
    assert said is not None
    (path,) = files(config)
    assert path.name == f"upload-{said['id']}.png"
    assert {path for path in config.folders.inbox.parent.parent.rglob("*") if "inbox" not in path.parts} == before


@given(st.binary(max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_header_and_any_bytes_are_taken_or_refused(client: FlaskClient, config: Config, junk: bytes) -> None:
    header = junk.decode("latin-1").replace("\r", "").replace("\n", "")
    answer = send(client, junk, headers={"Content-Disposition": header})
    assert answer.status_code == (202 if junk else 400)


@pytest.mark.parametrize(
    "path", ["../secret", "..%2f..%2fetc%2fpasswd", "x/../../y", "0" * 5000, "'; DROP TABLE uploads"]
)
def test_a_crooked_id_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"{UPLOADS}/{path}").status_code == 404


def test_an_id_with_a_null_byte_is_a_bad_request(client: FlaskClient) -> None:
    assert client.get(f"{UPLOADS}/%00").status_code == 400


def test_an_html_page_is_served_to_nobody(client: FlaskClient, config: Config) -> None:
    said = send(client, b"<script>alert(1)</script>", name="page.html").json
    assert said is not None
    (path,) = files(config)
    assert path.suffix != ".html"
    shown = client.get(said["url"])
    assert shown.mimetype == "application/json"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    for guess in (
        f"/static/{path.name}",
        f"/static/../../inbox/{path.name}",
        f"/{path.name}",
        f"/work/inbox/{path.name}",
    ):
        assert client.get(guess).status_code == 404


class Endless(io.RawIOBase):
    """A body that says nothing of its length and does not end."""

    def __init__(self, pause: float = 0.0) -> None:
        self.given = 0
        self._pause = pause

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        time.sleep(self._pause)
        size = min(len(buffer), 1 << 16)
        buffer[:size] = bytes(size)
        self.given += size
        return size


def chunked(body: Endless) -> dict[str, Any]:
    """As a server hands on what came in chunks."""
    return {
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
    }


@pytest.fixture
def small(config: Config, store: Store) -> FlaskClient:
    """With a limit of one megabyte."""
    limited = config.model_copy(update={"limits": config.limits.model_copy(update={"max_file_mb": 1})})
    return create_app(limited, store).test_client()


def refused(answer: TestResponse, status: int, code: str, config: Config) -> None:
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["remedy"]
    assert files(config) == []


def test_an_oversized_upload_is_refused_unread(small: FlaskClient, config: Config) -> None:
    refused(send(small, bytes(1_000_001)), 413, "too_large", config)
    assert send(small, bytes(1_000_000)).status_code == 202


def test_an_upload_without_length_is_cut_at_the_limit(small: FlaskClient, config: Config) -> None:
    body = Endless()
    answer = send(small, environ_overrides=chunked(body))
    refused(answer, 413, "too_large", config)
    assert body.given < 2_000_000


def test_a_never_ending_upload_is_cut_off(config: Config, store: Store) -> None:
    client = create_app(with_web(config, upload_seconds=0.3), store).test_client()
    body = Endless(pause=0.05)
    start = time.monotonic()
    answer = send(client, environ_overrides=chunked(body))
    refused(answer, 408, "too_slow", config)
    assert time.monotonic() - start < 30


def test_an_upload_that_breaks_off_leaves_nothing(client: FlaskClient, config: Config) -> None:
    refused(send(client, b"abc", environ_overrides={"CONTENT_LENGTH": "10"}), 400, "truncated", config)


def test_an_empty_upload_is_refused(client: FlaskClient, config: Config) -> None:
    refused(send(client, b""), 400, "empty_file", config)


def test_a_rate_is_kept(config: Config, store: Store) -> None:
    client = create_app(with_web(config, uploads_per_minute=3), store).test_client()
    assert [send(client).status_code for _ in range(4)] == [202, 202, 202, 429]


def test_no_more_are_taken_than_may_wait(config: Config, store: Store) -> None:
    client = create_app(with_web(config, max_waiting=2), store).test_client()
    answers = [send(client, str(number).encode()) for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert answers[-1].headers["Retry-After"] == "60"


def test_a_full_disk_is_said(config: Config, store: Store) -> None:
    limits = config.limits.model_copy(update={"min_free_mb": 10**9})
    client = create_app(config.model_copy(update={"limits": limits}), store).test_client()
    refused(send(client), 507, "no_room", config)


def test_another_site_cannot_upload(app: Flask, config: Config) -> None:
    client = app.test_client()
    for headers in ({}, {"Origin": "https://elsewhere.example", **SCRIPT}, {"Origin": "null", **SCRIPT}):
        answer = client.post(UPLOADS, data=b"x", content_type="text/plain", headers=headers)
        refused(answer, 403, "forged", config)


def test_who_may_upload(logged_in: Callable[[str], Any], config: Config) -> None:
    victor, anna = logged_in("victor"), logged_in("anna")
    refused(send(victor.client, headers={"X-CSRF-Token": victor.token("/")}), 403, "not_allowed", config)
    refused(send(anna.client, headers={"X-CSRF-Token": "0"}), 403, "forged", config)
    assert send(anna.client, headers={"X-CSRF-Token": anna.token("/")}).status_code == 202


def test_without_token_or_login_nothing_is_answered(users: Store, app: Flask, config: Config) -> None:
    client = app.test_client()
    refused(send(client), 401, "not_logged_in", config)
    for path in ("/api/v1/me", "/api/v1/status", f"{UPLOADS}/0"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_only_what_a_kill_left_is_swept_away(config: Config) -> None:
    inbox = config.folders.inbox
    old, new, other = inbox / ".upload-a.part", inbox / ".upload-b.part", inbox / "export.part"
    for path in (old, new, other):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    sweep(config)
    assert files(config) == [new, other]
