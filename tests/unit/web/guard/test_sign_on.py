"""Sign-on by a proxy: only its header counts, and only with its secret and from its address."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from koa_worker.config import Config, WebSettings
from koa_worker.errors import SetupError
from koa_worker.store import Store
from koa_worker.web import create_app
from koa_worker.web.guard.passwords import new_token, secret_hash
from koa_worker.web.guard.sign_on import SECRET_HEADER, SignOn
from koa_worker.web.serving.serve import serving

SECRET = "x" * 40
PROXY = "127.0.0.2"
PASSWORD = "correct horse battery"


@pytest.fixture
def settings(config: Config, tmp_path: Path) -> Config:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    web = {"port": 0, "proxy": PROXY, "sign_on_header": "X-Forwarded-User", "sign_on_secret_file": str(secret)}
    return config.model_copy(update={"web": WebSettings.model_validate(web)})


@pytest.fixture
def client(settings: Config, users: Store) -> FlaskClient:
    made: Flask = create_app(settings, users)
    return made.test_client()


def by_proxy(name: str | None, secret: str | None = SECRET) -> dict[str, str]:
    said = {"X-Forwarded-User": name, SECRET_HEADER: secret}
    return {header: value for header, value in said.items() if value is not None}


def test_who_signed_on_at_the_proxy_has_the_role_of_the_user_here(client: FlaskClient, users: Store) -> None:
    assert client.get("/upload", headers=by_proxy(" Anna ")).status_code == 200
    assert client.get("/upload", headers=by_proxy("victor")).status_code == 403
    assert client.get("/upload").status_code == 303  # nobody is remembered
    page = client.get("/account", headers=by_proxy("anna")).text
    assert "You are signed on by the proxy" in page
    assert "Change password" not in page
    assert [one.action for one in users.audit.entries() if one.who == "anna"] == ["signed_on"]


@pytest.mark.parametrize("name", ["nobody", "", "anna, ada", "local", "a" * 65])
def test_who_is_no_user_here_is_told_so(client: FlaskClient, name: str) -> None:
    answer = client.get("/", headers=by_proxy(name))
    assert (answer.status_code, "no user with your name here" in answer.text) == (403, True)


def test_a_locked_user_does_not_get_in(client: FlaskClient, users: Store) -> None:
    users.accounts.lock("anna")
    assert client.get("/", headers=by_proxy("anna")).status_code == 403


@pytest.mark.parametrize("secret", [None, "", "x" * 39, "y" * 40])
def test_a_name_without_the_proxy_s_secret_is_refused_and_noted(
    client: FlaskClient, users: Store, secret: str | None
) -> None:
    for path in ("/", "/api/v1/status"):
        answer = client.get(path, headers=by_proxy("ada", secret))
        assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error"]["code"] == "spoofed_sign_on"
    assert "sign_on_spoofed" in {one.action for one in users.audit.entries()}


def test_a_cookie_or_token_beside_the_proxy_s_word_counts_for_nothing(
    settings: Config, client: FlaskClient, users: Store
) -> None:
    token = new_token()
    users.accounts.add_token("ada", "nightly", secret_hash(token), None)
    both = by_proxy("victor") | {"Authorization": f"Bearer {token}"}
    assert client.get("/admin", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/admin", headers=both).status_code == 403
    assert client.get("/admin", headers=by_proxy(None) | {"Authorization": f"Bearer {token}"}).status_code == 403


def test_a_form_still_needs_its_token(client: FlaskClient, graded: Any, users: Store) -> None:
    where = f"/studies/{graded.key}/readings"
    form = {"file": graded.file_id, "knee": "0", "kl": "1"}
    secure = {"base_url": "https://localhost", "headers": by_proxy("anna")}
    assert client.post(where, data=form, **secure).status_code == 403
    page = client.get(f"/studies/{graded.key}", **secure).text
    token = page.split('name="csrf" content="')[1].split('"')[0]
    assert client.post(where, data={**form, "csrf": token}, **secure).status_code == 303
    assert [one.reader for one in users.reader_grades.readings(graded.key)] == ["anna"]


def test_half_a_sign_on_is_no_configuration(tmp_path: Path) -> None:
    for wrong in ({"sign_on_header": "X User"}, {"sign_on_logout": "javascript:alert(1)"}):
        with pytest.raises(ValueError, match="sign_on"):
            WebSettings.model_validate(wrong)
    for half in ({"sign_on_header": "X-User"}, {"sign_on_header": "X-User", "proxy": PROXY}):
        with pytest.raises(SetupError, match="needs proxy and sign_on_secret_file"):
            SignOn.of(WebSettings.model_validate(half))
    path = tmp_path / "short"
    path.write_text("short\n")
    whole = {"sign_on_header": "X-User", "proxy": PROXY, "sign_on_secret_file": str(path)}
    with pytest.raises(SetupError, match="fewer than 32"):
        SignOn.of(WebSettings.model_validate(whole))
    assert SignOn.of(WebSettings()) is None


@pytest.fixture
def ask(settings: Config, users: Store) -> Iterator[Callable[..., tuple[int, str]]]:
    """Asks the real server from an address of this machine."""
    with serving(settings) as address:
        port = int(address.rstrip("/").rpartition(":")[2])

        def asked(source: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
            line.request(method, path, body or None, {"Host": "localhost", **headers})
            answer = line.getresponse()
            said = answer.read().decode()
            line.close()
            return answer.status, said

        yield asked


def test_the_server_believes_only_the_proxy_s_address(ask: Callable[..., tuple[int, str]]) -> None:
    assert ask(PROXY, "GET", "/api/v1/status", by_proxy("ada"))[0] == 200
    for said in (by_proxy("ada"), by_proxy("ada", None), by_proxy(None)):
        code, text = ask("127.0.0.1", "GET", "/api/v1/status", said)
        assert (code, json.loads(text)["error"]["code"]) == (403, "spoofed_sign_on")
    # Two names are none; a name with underscores in its header is dropped by the server.
    assert ask(PROXY, "GET", "/", by_proxy("anna, ada"))[0] == 403
    assert ask("127.0.0.1", "GET", "/api/v1/status", {"X_Forwarded_User": "ada"})[0] == 401
    # Also before the body of an upload is received.
    upload = ("POST", "/api/v1/uploads")
    sent = {"Content-Type": "application/octet-stream"}
    assert ask(PROXY, *upload, by_proxy("victor") | sent, b"x")[0] == 403
    assert ask(PROXY, *upload, by_proxy("anna", "y" * 40) | sent, b"x")[0] in {401, 403}
