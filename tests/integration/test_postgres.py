"""Commands on PostgreSQL: their results, their errors if the server does not answer, and that no secret is printed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from koa_worker.commands.cli import app
from koa_worker.config import load
from koa_worker.errors import SetupError
from koa_worker.store import Store
from koa_worker.store.database.engine import connect
from koa_worker.system.heartbeat import sole_owner
from tests.postgres import PASSWORD, Server

_WRITTEN = "s3cr%2Ft"  # the password as it stands in an address


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`koa-worker …` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda *words: CliRunner().invoke(app, list(words))
    root.handlers[:] = handlers
    root.setLevel(level)


def use(url: str) -> None:
    Path("config.toml").write_text(f"[store]\nurl = '{url}'\n")


def everything(result: Result) -> str:
    """What a person sees, and what a traceback in a log would show."""
    fault, said = result.exception, [result.output]
    if fault is not None:
        said += traceback.format_exception(fault)
    return "".join(said)


def test_status_and_doctor_answer(command: Callable[..., Result], postgres: Server) -> None:
    use(postgres.database())
    assert command("status").exit_code == 0
    assert "`run` will make it" in " ".join(command("doctor").output.split()), "looking made tables"
    Store.open(load().store.url).close()
    assert command("status").exit_code == 0
    assert "answers, schema up to date" in command("doctor").output


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (_WRITTEN, "wrong", "password authentication failed"),
        ("/test", "/unheard-of", "does not exist"),
        (":{port}", ":{closed}", "Connection refused"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_said_to_be_one(
    command: Callable[..., Result], postgres: Server, nobodys_port: int, old: str, new: str, why: str
) -> None:
    use(postgres.database().replace(old.format(port=postgres.port), new.format(closed=nobodys_port)))
    said = command("doctor")
    assert why in " ".join(said.output.split())
    status = command("status")
    assert status.exit_code == 1
    assert why in " ".join(status.output.split())
    for result in (said, status, command("config"), command("retry"), command("export")):
        assert PASSWORD not in everything(result)
        assert _WRITTEN not in everything(result)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nothing://koa:s3cr%2Ft@host/db",
        "postgres:koa:s3cr%2Ft@host",
        "postgresql://koa:s3cr%2Ft@host:port/db",
    ],
)
def test_an_address_that_is_none_is_not_quoted(command: Callable[..., Result], url: str) -> None:
    use(url)
    said = command("status")
    assert isinstance(said.exception, SetupError)
    assert _WRITTEN not in everything(said)


def test_settings_do_not_show_the_address(command: Callable[..., Result], postgres: Server) -> None:
    use(postgres.database())
    assert _WRITTEN not in repr(load())
    assert _WRITTEN not in repr(connect(load().store.url))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_spellings_of_an_address(postgres: Server, scheme: str) -> None:
    with Store.open(f"{scheme}://{postgres.database().partition('://')[2]}") as store:
        assert store.counts.status().reports == 0


def test_db_copy(command: Callable[..., Result], postgres: Server, tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path}/koa.sqlite3", postgres.database()
    Store.open(source).close()
    (tmp_path / "work/claimed").mkdir(parents=True)
    with sole_owner(tmp_path / "work/claimed"):  # as a running daemon does
        assert isinstance(command("db", "copy", source, target).exception, SetupError)
    copied = command("db", "copy", source, target)
    assert copied.exit_code == 0
    assert "files: 0 rows" in copied.output
    assert _WRITTEN not in everything(copied)
