"""Who can log in, who cannot, and the records of both in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from koa_worker.config import Config
from koa_worker.store import Role, Store
from koa_worker.web import create_app
from koa_worker.web.guard import access
from koa_worker.web.guard.passwords import new_token, secret_hash
from tests.make import Clock

Enter = Callable[[str], Any]
PASSWORD = "correct horse battery"


def actions(store: Store) -> list[tuple[str, str]]:
    return [(entry.who, entry.action) for entry in reversed(store.audit.entries())]


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    unmarked = [name for name, view in app.view_functions.items() if not hasattr(view, access._MARK)]
    assert unmarked == []
    public = {name for name, view in app.view_functions.items() if getattr(view, access._MARK) is None}
    assert public == {"static", "login.ask", "login.log_in"}


def test_a_view_that_says_nothing_gets_nobody(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_with_users_a_stranger_is_sent_to_the_login(app: Flask, users: Store) -> None:
    client = app.test_client()
    answer = client.get("/dashboard?x=1")
    assert answer.status_code == 303
    assert answer.location == "/login?next=/dashboard?x%3D1"
    assert client.get("/api/v1/nothing").status_code == 404
    assert client.post("/logout").status_code == 401


def test_logging_in_and_out(app: Flask, users: Store, browser: Any) -> None:
    answer = browser.post("/login", name=" Anna ", password=PASSWORD, next="/dashboard")
    assert (answer.status_code, answer.location) == (303, "/dashboard")
    page = browser.get("/")
    assert page.status_code == 200
    assert "anna" in page.text
    assert "There are no users yet" not in page.text
    assert browser.post("/logout", of="/").status_code == 303
    assert browser.get("/").status_code == 303
    assert actions(users) == [("anna", "login"), ("anna", "logout"), ("", "denied")]


def test_the_login_changes_the_browser_s_secret(app: Flask, users: Store, browser: Any) -> None:
    browser.get("/login")
    before = browser.client.get_cookie("koa").value
    browser.log_in("anna")
    cookie = browser.client.get_cookie("koa")
    assert cookie.value != before
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")
    # What stays is a hash: the database does not let anybody in.
    assert users.accounts.logged_in(cookie.value) is None
    assert users.accounts.logged_in(secret_hash(cookie.value)) is not None


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(users: Store, browser: Any, name: str) -> None:
    answer = browser.log_in(name, "wrong password")
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert browser.get("/").status_code == 303


def test_fifty_logins_a_second_are_refused(app: Flask, users: Store, browser: Any) -> None:
    token = browser.token()
    tried = [
        browser.client.post("/login", data={"csrf": token, "name": "anna", "password": f"guess {number}"})
        for number in range(50)
    ]
    assert [answer.status_code for answer in tried] == [401] * 10 + [429] * 40
    assert 0 < int(tried[-1].headers["Retry-After"]) <= 60
    # Also with the right one, also after a restart, also from elsewhere.
    assert browser.log_in("anna").status_code == 429
    elsewhere = create_app(app.extensions["koa-worker"].config, users).test_client()
    elsewhere.get("/login")
    assert browser.log_in("anna").status_code == 429
    # Others are not kept waiting, and the trail is not flooded.
    assert browser.log_in("victor").status_code == 303
    assert [action for _, action in actions(users)].count("login_throttled") == 1


def test_many_names_from_one_address_are_refused(users: Store, browser: Any) -> None:
    token = browser.token()
    codes = [
        browser.client.post("/login", data={"csrf": token, "name": f"n{number}", "password": "x"}).status_code
        for number in range(70)
    ]
    assert codes.count(429) == 10


def test_a_login_ends_by_itself(config: Config, clock: Clock, logged_in: Enter) -> None:
    browser = logged_in("anna")
    assert browser.get("/").status_code == 200
    clock.now = datetime.now(UTC) + timedelta(hours=config.web.session_hours)
    assert browser.get("/").status_code == 303


def test_logging_out_everywhere(logged_in: Enter) -> None:
    first, second, other = logged_in("anna"), logged_in("anna"), logged_in("victor")
    first.post("/account/logout", of="/account")
    assert [browser.get("/").status_code for browser in (first, second, other)] == [303, 303, 200]


def test_changing_the_own_password(logged_in: Enter, app: Flask) -> None:
    browser = logged_in("anna")
    assert browser.post("/account/password", of="/account", password="wrong one", new="x" * 20).status_code == 401
    assert browser.post("/account/password", of="/account", password=PASSWORD, new="short").status_code == 400
    changed = browser.post("/account/password", of="/account", password=PASSWORD, new="a new long password")
    assert changed.status_code == 303
    assert browser.get("/").status_code == 303
    assert browser.log_in("anna").status_code == 401
    assert browser.log_in("anna", "a new long password").status_code == 303


def test_a_forbidden_role_is_told_so_and_noted(logged_in: Enter, users: Store) -> None:
    browser = logged_in("victor")
    answer = browser.get("/admin")
    assert answer.status_code == 403
    assert "role does not allow" in answer.text
    assert actions(users)[-1] == ("victor", "denied")
    assert logged_in("ada").get("/admin").status_code == 200


def test_the_trail_on_the_page(logged_in: Enter) -> None:
    logged_in("victor")
    page = logged_in("ada").get("/admin?who=victor")
    assert "login" in page.text
    assert page.text.count("<td>victor</td>") == 1


@pytest.mark.parametrize(
    "target", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "", "/\n"]
)
def test_the_login_leads_to_no_other_site(users: Store, browser: Any, target: str) -> None:
    answer = browser.post("/login", name="anna", password=PASSWORD, next=target)
    assert answer.location == "/"


# Forged requests


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": "right"}, {"Origin": "https://elsewhere.example"}),
        ({"csrf": "right"}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrf": "right"}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_forged_post_is_refused(logged_in: Enter, form: dict[str, str], headers: dict[str, str]) -> None:
    browser = logged_in("anna")
    token = browser.token("/")
    shown = {name: token if value == "right" else value for name, value in form.items()}
    assert browser.client.post("/logout", data=shown, headers=headers).status_code == 403
    assert browser.get("/").status_code == 200


def test_the_token_of_another_browser_is_refused(logged_in: Enter) -> None:
    anna, victor = logged_in("anna"), logged_in("victor")
    assert anna.client.post("/logout", data={"csrf": victor.token("/")}).status_code == 403


def test_a_post_without_a_cookie_is_refused(users: Store, app: Flask) -> None:
    assert app.test_client().post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 403


# Tokens


def test_a_script_shows_a_token(app: Flask, users: Store) -> None:
    token = new_token()
    users.accounts.add_token("anna", "nightly", secret_hash(token), None)
    client = app.test_client()
    assert client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/", headers={"Authorization": f"Bearer {token}x"}).status_code == 303
    assert client.get("/", headers={"Authorization": "Basic YTpi"}).status_code == 303
    # The cookie of somebody else does not add to what a token may.
    assert client.post("/account/password", headers={"Authorization": f"Bearer {token}"}).status_code == 403


# Where from, and by which name


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:80", "localhost.example", "10.1.2.3", "", "[::2]"]
)
def test_without_users_only_this_machine_s_names_count(app: Flask, host: str) -> None:
    assert app.test_client().get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080"])
def test_without_users_this_machine_is_served(app: Flask, host: str) -> None:
    assert app.test_client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("address", ["10.1.2.3", "::2", "", "x"])
def test_without_users_no_other_machine_is_served(app: Flask, address: str) -> None:
    assert app.test_client().get("/", environ_overrides={"REMOTE_ADDR": address}).status_code == 403


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_without_users_a_proxy_is_refused(app: Flask, name: str) -> None:
    assert app.test_client().get("/", headers={name: "for=10.1.2.3"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"), [("knees.example", 200), ("KNEES.example:443", 200), ("10.1.2.3", 200), ("other.example", 403)]
)
def test_with_users_the_names_in_the_settings_count(config: Config, users: Store, host: str, status: int) -> None:
    settings = config.model_copy(update={"web": config.web.model_copy(update={"names": ("knees.example",)})})
    client = create_app(settings, users).test_client()
    assert client.get("/login", headers={"Host": host}).status_code == status


def test_behind_a_proxy_cookies_are_for_tls_only(config: Config, users: Store) -> None:
    settings = config.model_copy(update={"web": config.web.model_copy(update={"proxy": "127.0.0.1"})})
    answer = create_app(settings, users).test_client().get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-koa=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize(("name", "sees"), [("victor", False), ("anna", True), ("ada", True)])
def test_who_sees_patients(app: Flask, logged_in: Enter, name: str, sees: bool) -> None:
    app.add_url_rule("/sees", "sees", access.needs(Role.VIEW)(lambda: str(access.may_see_patients())))
    browser = logged_in(name)
    assert browser.get("/sees").text == str(sees)
