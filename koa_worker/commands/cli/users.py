"""`koa-worker user …`: the users of the page, their tokens and the audit log."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koa_worker import config
from koa_worker.commands.cli.options import CONSOLE, ConfigFile
from koa_worker.errors import SetupError
from koa_worker.values import Role

if TYPE_CHECKING:  # the commands start fast: see `cli/__init__.py`
    from koa_worker.store import Store
    from koa_worker.store.records.users import AuditRecord

app = typer.Typer(help="Manage the users of the page, and read the audit log.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Login name.", metavar="NAME", parser=str.lower)]


class AuditFormat(StrEnum):
    TEXT = "text"
    CSV = "csv"
    JSON = "json"


@app.command()
def add(
    name: Name,
    role: Annotated[
        Role, typer.Option(help="view: results; read: also patient data; admin: also the audit log.")
    ] = Role.READ,
    config_file: ConfigFile = None,
) -> None:
    """Create a user. The password is asked for, or read from the first line of the input."""
    from koa_worker.web.guard.user_names import fault_of_name

    if fault := fault_of_name(name):
        raise typer.BadParameter(fault)
    with _open(config_file) as store:
        if store.accounts.find_user(name):
            raise typer.BadParameter("a user with this name exists already")
        if not store.accounts.add_user(name, role, _ask_password()):
            raise typer.BadParameter("a user with this name exists already")
        store.audit.note(CONSOLE, "user_added", detail=f"{name}, {role}")
    typer.echo(f"User {name} created with role {role}.")


@app.command("list")
def list_users(config_file: ConfigFile = None) -> None:
    """List the users, their roles and their tokens."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "role", "since", "tokens", box=None)
    with _open(config_file) as store:
        for user in store.accounts.users():
            tokens = ", ".join(f"{token.id}: {token.purpose}" for token in store.accounts.tokens(user.name))
            role = f"{user.role}, locked" if user.locked_at else user.role
            table.add_row(user.name, role, f"{user.created_at:%Y-%m-%d}", tokens)
    Console().print(
        table if table.row_count else "There are no users. The page answers only requests from this machine."
    )


@app.command()
def remove(name: Name, config_file: ConfigFile = None) -> None:
    """Remove a user. The user's readings and audit log entries are kept."""
    with _open(config_file) as store:
        _note(store, "user_removed", name, done=store.accounts.remove_user(name))
        typer.echo(f"User {name} removed.")
        if not store.accounts.has_users():
            typer.echo("There are no users left. The page answers only requests from this machine.")


@app.command("role")
def change_role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="view, read or admin.", metavar="ROLE")],
    config_file: ConfigFile = None,
) -> None:
    """Give a user another role."""
    with _open(config_file) as store:
        _note(store, "user_role", f"{name}, {role}", done=store.accounts.change_role(name, role))
    typer.echo(f"User {name} now has role {role}.")


@app.command()
def lock(name: Name, config_file: ConfigFile = None) -> None:
    """Keep a user from logging in, and end all sessions and tokens. `unlock` lets the user in again."""
    with _open(config_file) as store:
        _note(store, "user_locked", name, done=store.accounts.lock(name))
    typer.echo(f"User {name} locked.")


@app.command()
def unlock(name: Name, config_file: ConfigFile = None) -> None:
    """Let a locked user log in again."""
    with _open(config_file) as store:
        _note(store, "user_unlocked", name, done=store.accounts.unlock(name))
    typer.echo(f"User {name} unlocked.")


@app.command()
def password(name: Name, config_file: ConfigFile = None) -> None:
    """Set a new password. This ends all sessions and revokes all tokens of the user."""
    with _open(config_file) as store:
        _check_known(done=store.accounts.find_user(name) is not None)
        _note(store, "password", name, done=store.accounts.change_password(name, _ask_password()))
    typer.echo(f"Password of {name} changed. The user must log in again.")


@app.command()
def token(
    name: Name,
    purpose: Annotated[str, typer.Option("--for", help="Purpose of the token, shown in the list of users.")] = "script",
    days: Annotated[int | None, typer.Option(min=1, help="Days until the token expires; never if omitted.")] = None,
    revoke: Annotated[int | None, typer.Option(help="Revoke the token with this ID instead.", metavar="ID")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Create a token for scripts that use the JSON API. It is shown only once."""
    from koa_worker.web.guard.passwords import new_token, secret_hash

    with _open(config_file) as store:
        if revoke is not None:
            is_removed = store.accounts.remove_token(name, revoke)
            _note(store, "token_removed", f"{name}, {revoke}", done=is_removed, what="token")
            typer.echo(f"Token {revoke} revoked.")
            return
        made = new_token()
        is_added = store.accounts.add_token(name, purpose, secret_hash(made), timedelta(days=days) if days else None)
        _note(store, "token_made", f"{name}, {purpose}", done=is_added)
    typer.echo(made)


@app.command()
def audit(
    form: Annotated[
        AuditFormat, typer.Option("--format", help="text, csv, or json (one object per line).")
    ] = AuditFormat.TEXT,
    who: Annotated[str | None, typer.Option(help="Only entries of this user.", metavar="NAME")] = None,
    subject: Annotated[str | None, typer.Option("--of", help="Only entries on this study, file or upload.")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Print the audit log: who did what and when, newest first."""
    with _open(config_file) as store:
        rows = _rows(store, who, subject)
        if form is AuditFormat.JSON:
            for row in rows:
                typer.echo(json.dumps(row, ensure_ascii=False))
            return
        from koa_worker.tables.table import safe_cell

        line = csv.writer(sys.stdout, dialect="excel" if form is AuditFormat.CSV else "excel-tab", lineterminator="\n")
        line.writerow(_COLUMNS)
        line.writerows(map(safe_cell, row.values()) for row in rows)


_COLUMNS = ("at", "who", "action", "subject", "address", "detail")


def _rows(store: Store, who: str | None, subject: str | None) -> Iterator[dict[str, str]]:
    page: tuple[AuditRecord, ...] = ()
    while True:
        page = store.audit.entries(before=page[-1].id if page else None, limit=1000, who=who, subject=subject)
        if not page:
            return
        for entry in page:
            row = {name: str(getattr(entry, name)) for name in _COLUMNS}
            yield {**row, "at": entry.at.isoformat(timespec="seconds")}


def _open(config_file: Path | None) -> Store:
    from koa_worker.store import Store

    return Store.of(config.load(config_file).store)


def _note(store: Store, action: str, detail: str, *, done: bool, what: str = "user") -> None:
    """Puts a change into the audit log, or says that there is nothing to change."""
    _check_known(done=done, what=what)
    store.audit.note(CONSOLE, action, detail=detail)


def _check_known(*, done: bool, what: str = "user") -> None:
    if not done:
        raise typer.BadParameter(f"this {what} does not exist")


def _ask_password() -> str:
    """The hash of the password, which is typed twice at a terminal or read as one line."""
    from koa_worker.web.guard.passwords import fault_of, hashed

    if sys.stdin.isatty():
        typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    if fault := fault_of(typed):
        raise SetupError("password", fault)
    return hashed(typed)
