"""The output of `config --show`: all settings in effect with their sources, and no secret."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from koa_worker import config
from koa_worker.commands import cli
from koa_worker.commands.settings import as_toml, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/koa.sqlite3", "sqlite:////srv/koa.sqlite3"),
        ("sqlite:////srv/a@b:c.sqlite3", "sqlite:////srv/a@b:c.sqlite3"),
        ("postgresql://koa@db:5432/koa", "postgresql://koa@db:5432/koa"),
        ("postgresql://koa:Geheim@db/koa", "postgresql://koa:***@db/koa"),
        ("postgresql://koa:Ge%40heim@db/koa", "postgresql://koa:***@db/koa"),
        ("postgresql://koa:Ge/he?im@db/koa", "postgresql://koa:***@db/koa"),
        ("postgresql://koa:Ge@heim@db/koa", "***"),
        ("postgresql://koa:x@Ge/heim@db/koa", "***"),
        ("postgresql://koa:x@Geheim?@db/koa", "***"),
        ("postgresql://db/koa?sslmode=require&password=Geheim", "postgresql://db/koa?password=***&sslmode=require"),
        ("postgresql://db/koa?sslpassword=Geheim", "postgresql://db/koa?sslpassword=***"),
        ("koa:Geheim", "***"),
        ("postgresql://koa:Geheim@db:port/koa", "***"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
    assert "heim" not in shown


def test_what_is_shown_reads_back_and_names_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KOA__LOG__LEVEL", "debug")
    monkeypatch.setenv("KOA__REPORT__INSTITUTION", 'St. "Ö"\\')
    path = tmp_path / "mine.toml"
    path.write_text(
        '[limits]\nmax_tries = 2\n[[dicom.destinations]]\nname = "p"\nae_title = "A"\nhost = "h"\nport = 3\n'
    )
    text = as_toml(config.trace(path))
    assert config.Config.model_validate(tomllib.loads(text)) == config.load(path)
    places = {line.split(" = ")[0]: line.rsplit("# ")[-1] for line in text.splitlines() if " = " in line}
    assert places["level"] == "variable KOA__LOG__LEVEL"
    assert places["max_tries"] == places["destinations"] == f"file {path}"
    assert places["format"] == places["max_file_mb"] == "default"


def test_the_command_shows_it_and_keeps_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("postgresql://koa:Geheim@db/koa\n")
    monkeypatch.setenv("KOA__STORE__URL_FILE", "secret")
    (tmp_path / "mine.toml").write_text("[web]\nport = 3\n")
    result = CliRunner().invoke(cli.app, ["config", "--show", "--config", "mine.toml"])
    assert result.exit_code == 0
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert ["url", "=", f'"postgresql://koa:***@db/koa"             # secret file {tmp_path / "secret"}'] in lines
    assert ["port", "=", "3                                        # file mine.toml"] in lines
    assert "Geheim" not in result.output


def test_a_file_without_show_is_wrong_use() -> None:
    assert CliRunner().invoke(cli.app, ["config", "--config", "mine.toml"]).exit_code == 2
