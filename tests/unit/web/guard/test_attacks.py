"""Attacks on the page that worked once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.system.own_mark import has_words, is_stamped
from koa_worker.values import Arrival
from koa_worker.web import create_app
from koa_worker.web.guard.passwords import fault_of, new_token, secret_hash
from koa_worker.web.guard.peer import may_be_ours

Enter = Callable[[str], Any]
PASSWORD = "correct horse battery"
FORGED = "+1%0A2026-01-01T00:00:00,ada,report,67f1,10.0.0.9,"


def test_the_end_of_a_connection_that_its_owner_closed_is_nobody_s() -> None:
    """The kernel calls such a socket root's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        connection, _ = server.accept()
        with connection:
            assert may_be_ours(connection)
            client.sendall(b"POST /upload HTTP/1.1\r\n")
            client.close()
            assert not may_be_ours(connection)


def test_wrong_passwords_from_elsewhere_keep_nobody_out(app: Flask, users: Store, browser: Any) -> None:
    stranger = app.test_client()

    def guess(address: str) -> int:
        stranger.get("/login")
        token = browser.token()
        browser_like = {"csrf": token, "name": "victor", "password": "wrong"}
        return browser.client.post("/login", data=browser_like, environ_base={"REMOTE_ADDR": address}).status_code

    assert [guess("10.0.0.9") for _ in range(12)] == [401] * 10 + [429] * 2
    assert browser.log_in("victor").status_code == 303
    # From very many addresses the account itself has a limit, which does not count where its user has been before.
    codes = [guess(f"10.0.{number // 200}.{number % 200}") for number in range(260)]
    assert codes.count(429) > 20
    assert browser.log_in("victor").status_code == 303


@pytest.mark.parametrize("shown", ["Basic eDp5", "Negotiate YII=", "Bearer"])
def test_another_authorization_does_not_switch_the_forgery_check_off(logged_in: Enter, shown: str) -> None:
    browser = logged_in("anna")
    headers = {"Authorization": shown, "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.client.post("/account/logout", headers=headers).status_code in {401, 403}
    assert browser.get("/").status_code == 200


def test_a_name_cannot_turn_what_stands_beside_it(graded: Any, logged_in: Enter) -> None:
    anna = logged_in("anna")
    for path in ("/", f"/studies/{graded.key}"):
        assert "<bdi>Ivanova" in anna.get(path).text


def test_a_token_does_not_end_a_person_s_logins(app: Flask, users: Store, logged_in: Enter) -> None:
    browser = logged_in("anna")
    token = new_token()
    users.accounts.add_token("anna", "test", secret_hash(token), None)
    shown = {"Authorization": f"Bearer {token}"}
    assert app.test_client().post("/account/logout", headers=shown).status_code == 403
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "what", ["", "/report.pdf", "/results.zip", f"/files/{FORGED}/frame.jpg", f"/files/{FORGED}/film"]
)
def test_the_trail_holds_only_what_exists(logged_in: Enter, users: Store, what: str) -> None:
    before = len(users.audit.entries())
    browser = logged_in("anna")
    assert browser.get(f"/studies/=cmd|'C'!A0{what}").status_code == 404
    assert [entry.action for entry in users.audit.entries()][: -before or None] == ["login"]


HUGE = "9" * 40


@pytest.mark.parametrize(
    "path",
    [
        f"/admin?before={HUGE}", "/admin?before=2147483648", f"/studies/k/files/f/knees/{HUGE}/crop.png",
        f"/api/v1/studies/k/files/f/knees/{HUGE}/heatmap.png", "/files/%00", "/studies/%00", "/admin?who=%00",
        "/api/v1/studies/a%00b", "/?q=%00",
    ],
)  # fmt: skip
def test_numbers_and_characters_that_no_database_takes_are_a_bad_request(logged_in: Enter, path: str) -> None:
    assert logged_in("ada").get(path).status_code == 400


def test_a_login_with_a_nul_is_a_bad_request(users: Store, browser: Any) -> None:
    assert browser.post("/login", name="a\0b", password="x").status_code == 400


def test_a_viewer_sees_nothing_that_ties_a_result_to_a_patient(graded: Any, logged_in: Enter, users: Store) -> None:
    key = graded.key
    viewer, reader = logged_in("victor"), logged_in("anna")
    assert viewer.get(f"/api/v1/studies/{key}").json["study_uid"] is None
    assert reader.get(f"/api/v1/studies/{key}").json["study_uid"]
    file = users.files.find(graded.file_id)
    assert file is not None
    for browser, seen in ((viewer, False), (reader, True)):
        assert (file.sha256 in browser.get(f"/files/{graded.file_id}").text) is seen


def test_a_viewer_sees_how_readers_agree_and_not_who_they_are(graded: Any, logged_in: Enter, users: Store) -> None:
    users.reader_grades.record(graded.file_id, 0, reader="anna", kl=2, comment="", blind=False)
    for name, told in (("victor", "reader 1"), ("anna", "anna")):
        assert list(logged_in(name).get("/api/v1/agreement").json["readers"]) == [told]


def test_a_viewer_does_not_see_which_process_took_a_file(logged_in: Enter, users: Store) -> None:
    file = Arrival(Path("x"), "c" * 64, 9, "x.png")
    users.files.add_arrival(file, datetime.now(UTC))
    users.files.start(file.id, "ward-pc:4711")
    for name, seen in (("victor", False), ("anna", True)):
        assert ("ward-pc:4711" in logged_in(name).get(f"/files/{file.id}").text) is seen


def test_behind_a_proxy_a_mapped_address_is_the_one_it_stands_for(config: Config, users: Store) -> None:
    web = config.web.model_copy(update={"proxy": "127.0.0.1", "names": ("koa.example",)})
    app = create_app(config.model_copy(update={"web": web}), users)
    app.test_client().get("/", base_url="https://koa.example", environ_base={"REMOTE_ADDR": "::ffff:10.1.2.3"})
    assert [entry.address for entry in users.audit.entries()] == ["10.1.2.3"]


@pytest.mark.parametrize("password", ["1234567890", "0987654321", "abcdefghijkl", "qwertyuiopas", "QWERTYUIOP"])
def test_what_only_follows_the_keys_is_no_password(password: str) -> None:
    assert "follows" in fault_of(password)
    assert fault_of(PASSWORD) == ""


def test_pictures_of_the_page_are_marked_as_ours(graded: Any, client: Any) -> None:
    for name in ("frame.jpg", "knees/0/crop.png"):
        data = client.get(f"/studies/{graded.key}/files/{graded.file_id}/{name}").data
        assert has_words(data)
        assert is_stamped(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    assert has_words(client.get(f"/studies/{graded.key}/files/{graded.file_id}/knees/0/heat.png").data)
