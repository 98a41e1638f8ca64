"""The users on the page: who may change them, and that somebody remains who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from koa_worker.store import Role, Store
from koa_worker.web.guard.passwords import new_token, secret_hash

Enter = Callable[[str], Any]
NEW = "a new long password"


def test_an_administrator_adds_a_user_who_can_log_in(logged_in: Enter, users: Store, browser: Any) -> None:
    ada = logged_in("ada")
    form = {"name": " Bert ", "role": "read", "new": NEW, "again": NEW}
    added = ada.post("/admin/users", of="/admin", **form)
    assert (added.status_code, added.location) == (303, "/admin/users/bert?done=added")
    assert "The user has been added" in ada.get(added.location).text
    assert browser.log_in("bert", NEW).status_code == 303
    said = {(entry.who, entry.action, entry.detail) for entry in users.audit.entries()}
    assert ("ada", "user_added", "bert, read") in said
    assert ada.post("/admin/users", of="/admin", **form).status_code == 400


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"again": "another password"}, "two passwords differ"),
        ({"new": "short", "again": "short"}, "fewer than 10"),
        ({"name": "Bert & Anna"}, "64 letters"),
        ({"name": "console"}, "not local or console"),
        ({"name": "anna"}, "exists already"),
    ],
)
def test_a_user_that_cannot_be_added_is_told_why(logged_in: Enter, users: Store, changed: Any, said: str) -> None:
    form = {"name": "bert", "role": "read", "new": NEW, "again": NEW} | changed
    answer = logged_in("ada").post("/admin/users", of="/admin", **form)
    assert answer.status_code == 400
    assert said in answer.text
    assert NEW not in answer.text
    assert [user.name for user in users.accounts.users()] == ["ada", "anna", "victor"]


def test_the_first_user_of_a_page_without_users_is_an_administrator(app: Flask, store: Store, browser: Any) -> None:
    form = {"name": "ada", "new": NEW, "again": NEW}
    assert "This is the first user" in browser.get("/admin/users").text
    assert browser.post("/admin/users", of="/admin", role="read", **form).status_code == 400
    assert not store.accounts.has_users()
    assert browser.post("/admin/users", of="/admin", role="admin", **form).status_code == 303
    assert browser.get("/admin").status_code == 303  # to the login
    assert browser.log_in("ada", NEW).status_code == 303
    assert browser.get("/admin/users/ada").status_code == 200


def test_a_role_is_changed_and_counts_at_once(logged_in: Enter, users: Store) -> None:
    ada, victor = logged_in("ada"), logged_in("victor")
    assert victor.get("/upload").status_code == 403
    assert ada.post("/admin/users/victor/role", of="/admin", role="read").status_code == 303
    assert victor.get("/upload").status_code == 200
    assert ada.post("/admin/users/victor/role", of="/admin", role="king").status_code == 400
    assert ada.post("/admin/users/nobody/role", of="/admin", role="read").status_code == 404


def test_who_is_locked_out_loses_sessions_and_tokens_until_unlocked(
    app: Flask, logged_in: Enter, users: Store, browser: Any
) -> None:
    ada, anna, token = logged_in("ada"), logged_in("anna"), new_token()
    users.accounts.add_token("anna", "nightly", secret_hash(token), None)
    assert ada.post("/admin/users/anna/lock", of="/admin").status_code == 303
    assert anna.get("/").status_code == 303
    answer = app.test_client().get("/api/v1/status", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    refused = browser.log_in("anna")
    assert (refused.status_code, "The name or the password is wrong" in refused.text) == (401, True)
    assert not users.accounts.add_token("anna", "another", secret_hash(new_token()), None)
    assert "Locked" in ada.get("/admin").text
    assert ada.post("/admin/users/anna/unlock", of="/admin").status_code == 303
    assert browser.log_in("anna").status_code == 303


def test_a_new_password_ends_what_was_open(logged_in: Enter, browser: Any) -> None:
    ada, anna = logged_in("ada"), logged_in("anna")
    assert ada.post("/admin/users/anna/password", of="/admin", new=NEW, again="x" * 12).status_code == 400
    assert ada.post("/admin/users/anna/password", of="/admin", new=NEW, again=NEW).status_code == 303
    assert anna.get("/").status_code == 303
    assert browser.log_in("anna").status_code == 401
    assert browser.log_in("anna", NEW).status_code == 303


def test_a_token_is_revoked(logged_in: Enter, users: Store) -> None:
    users.accounts.add_token("anna", "nightly <b>", secret_hash(new_token()), None)
    ada = logged_in("ada")
    assert "nightly &lt;b&gt;" in ada.get("/admin/users/anna").text
    assert ada.post("/admin/users/ada/tokens/1/revoke", of="/admin").status_code == 404
    assert ada.post("/admin/users/anna/tokens/1/revoke", of="/admin").status_code == 303
    assert users.accounts.tokens("anna") == ()


def test_the_last_administrator_stays(logged_in: Enter, users: Store) -> None:
    ada = logged_in("ada")
    for path, form in (("role", {"role": "read"}), ("lock", {}), ("remove", {"typed": "ada"})):
        answer = ada.post(f"/admin/users/ada/{path}", of="/admin", **form)
        assert answer.status_code == 409
        assert "Nobody would be left who may manage the users" in answer.text
    assert next((user.name, user.role, user.locked_at) for user in users.accounts.users()) == ("ada", Role.ADMIN, None)
    # A locked administrator is none who could help.
    ada.post("/admin/users/anna/role", of="/admin", role="admin")
    ada.post("/admin/users/anna/lock", of="/admin")
    assert ada.post("/admin/users/ada/lock", of="/admin").status_code == 409
    ada.post("/admin/users/anna/unlock", of="/admin")
    assert ada.post("/admin/users/ada/lock", of="/admin").status_code == 303


def test_a_user_is_removed_only_when_the_name_is_typed(logged_in: Enter, users: Store) -> None:
    ada = logged_in("ada")
    assert ada.post("/admin/users/anna/remove", of="/admin", typed="ann").status_code == 400
    assert ada.post("/admin/users/anna/remove", of="/admin", typed=" Anna ").status_code == 303
    assert users.accounts.find_user("anna") is None


def test_only_administrators_and_no_script_and_no_forgery(app: Flask, logged_in: Enter, users: Store) -> None:
    anna, token = logged_in("anna"), new_token()
    users.accounts.add_token("ada", "nightly", secret_hash(token), None)
    for path in ("", "/victor/role", "/victor/password", "/victor/lock", "/victor/unlock", "/victor/remove"):
        form = {"role": "admin", "new": NEW, "again": NEW, "typed": "victor", "name": "bert"}
        assert anna.post(f"/admin/users{path}", of="/", **form).status_code == 403
        script = app.test_client().post(f"/admin/users{path}", data=form, headers={"Authorization": f"Bearer {token}"})
        assert script.status_code == 403
        assert logged_in("ada").client.post(f"/admin/users{path}", data=form).status_code == 403  # without its token
    assert anna.get("/admin/users/victor").status_code == 403
    assert [(user.name, user.role) for user in users.accounts.users()][2] == ("victor", Role.VIEW)
