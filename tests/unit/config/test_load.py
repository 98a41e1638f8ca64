"""Settings: defaults, paths, and the hint for a mistyped key."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from koa_worker import config
from koa_worker.errors import SetupError

ROOT = Path(__file__).parents[3]


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_file_names_every_setting_with_its_default() -> None:
    with (ROOT / "config.toml").open("rb") as stream:
        table = tomllib.load(stream)
    assert config.Config.model_validate(table) == config.Config()
    assert keys(table) == keys({**config.Config().model_dump(), "dicom": without_destinations()})


def keys(table: dict[str, Any]) -> set[tuple[str, ...]]:
    """Every setting with its sections."""
    return {
        (name, *rest) for name, value in table.items() for rest in (keys(value) if isinstance(value, dict) else [()])
    }


def without_destinations() -> dict[str, Any]:
    """A list of none has no place in the file; a commented entry stands there instead."""
    return {name: value for name, value in config.DicomSettings().model_dump().items() if name != "destinations"}


def test_the_shipped_file_shows_every_setting_of_a_destination() -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    shown = "\n".join(line.removeprefix("# ") for line in text.split("# [[dicom.destinations]]")[1].splitlines()[1:])
    (destination,) = tomllib.loads(f"[[destinations]]\n{shown}")["destinations"]
    assert set(destination) == set(config.DestinationSettings.model_fields)
    config.DestinationSettings.model_validate(destination)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[dicom.receiver]\nprot = 1", "did you mean 'port'?"),
        ("[dicom.receiver]\ncallers = ['PACS']", "AE_TITLE@address"),
        ("[dicom.receiver]\ncallers = ['PACS@nowhere']", "callers"),
        ("[[dicom.destinations]]\nname = 'a'\nae_title = 'A'\nhost = 'h'\nport = 1\nprot = 1", "did you mean 'port'?"),
        ("[dicom.receiver]\nae_title = 'much too long a title'", "ae_title"),
    ],
)
def test_a_slip_in_the_dicom_sections_gets_a_hint(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(SetupError) as caught:
        config.load(write(tmp_path, text))
    assert hint in str(caught.value)


def test_every_setting_in_the_shipped_file_has_a_line_on_it() -> None:
    lines = (ROOT / "config.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "=" in line.split("#")[0] and "#" not in line] == []


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[folders]\ninbox = "in"\n[model]\npath = "m"\n[store]\nurl = "sqlite:///here.db"\n')
    settings = config.load(path)
    assert settings.folders.inbox == tmp_path / "in"
    assert settings.model.path == str(tmp_path / "m")
    assert settings.store.url == f"sqlite:///{tmp_path}/here.db"


def test_absolute_paths_and_other_stores_stay(tmp_path: Path) -> None:
    path = write(tmp_path, '[folders]\ninbox = "/srv/in"\n[store]\nurl = "postgresql+psycopg://db/koa"\n')
    settings = config.load(path)
    assert settings.folders.inbox == Path("/srv/in")
    assert settings.store.url == "postgresql+psycopg://db/koa"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[folders]\nimbox = "x"', "did you mean 'inbox'?"),
        ("[intak]\n", "did you mean 'intake'?"),
        ("[log]\nzzz = 1", "known names are level, format"),
        ("[limits]\nmax_file_mb = 0", "limits.max_file_mb"),
        ("[limits\n", "is not TOML"),
    ],
)
def test_a_slip_gets_a_hint(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(SetupError) as caught:
        config.load(write(tmp_path, text))
    assert caught.value.code == "config"
    assert hint in str(caught.value)


def test_a_missing_file_is_an_error_only_when_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load().folders.inbox == tmp_path / "work/inbox"
    with pytest.raises(SetupError, match="config"):
        config.load(tmp_path / "absent.toml")
