"""Settings from environment and secret files: all can be set, typing errors get a hint, no secret is shown."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from koa_worker import config
from koa_worker.config.sources import leaves, spelled
from koa_worker.errors import SetupError

SHIPPED = Path(__file__).parents[3] / "config.toml"
# Another value than the default for each setting, as text.
OTHERS: dict[str, str] = {
    "log.level": "debug", "log.format": "json", "report.paper": "letter", "report.language": "de",
    "dicom.results.supersede": "iocm", "work.run_between": "22:00-06:00",
    "web.blind_readers": '["anna"]',
    "web.names": '["koa.example.org"]', "dicom.receiver.callers": '["PACS@10.1.2.3", "*@10.0.0.0/8"]',
    "alerts.webhook": "https://alerts.example.org/koa", "web.sign_on_header": "X-Forwarded-User",
    "dicom.receiver.ae_title": "OTHER", "model.review_confidence": "0.5",
    "dicom.destinations": '[{"name": "p", "ae_title": "A", "host": "h", "port": 3}]',
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, without variables from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KOA__")]:
        monkeypatch.delenv(name)


def value_of(settings: Any, key: tuple[str, ...]) -> Any:
    for name in key:
        settings = getattr(settings, name)
    return settings


def another(key: tuple[str, ...]) -> str:
    default = value_of(config.Config(), key)
    if isinstance(default, bool):
        return str(not default).lower()
    if isinstance(default, (int, float)):
        return OTHERS.get(".".join(key), str(default + 1))
    return OTHERS.get(".".join(key), "/elsewhere")


KEYS = [key for key in leaves(config.Config) if key != ("store", "url_file")]


@pytest.mark.parametrize("key", KEYS, ids=map(".".join, KEYS))
def test_every_setting_can_be_set(key: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    before = config.load()
    monkeypatch.setenv(spelled(key), another(key))
    traced = config.trace()
    assert value_of(traced.config, key) != value_of(before, key)
    assert traced.origins == {key: f"variable {spelled(key)}"}
    others = [other for other in leaves(config.Config) if other != key]
    assert [other for other in others if value_of(traced.config, other) != value_of(before, other)] == []


def test_a_variable_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[web]\nport = 1\nhost = "::1"\n[folders]\ninbox = "in"\n')
    monkeypatch.setenv("KOA__WEB__PORT", "2")
    monkeypatch.setenv("KOA__FOLDERS__DONE", "away")
    traced = config.trace()
    assert (traced.config.web.port, traced.config.web.host) == (2, "::1")
    assert traced.config.folders.inbox == tmp_path / "in"
    assert traced.config.folders.done == tmp_path / "away"
    assert traced.origins["web", "port"] == "variable KOA__WEB__PORT"
    assert traced.origins["web", "host"] == "file config.toml"


def test_lists_are_written_as_json_or_as_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [
        {"name": "p", "ae_title": "A", "host": "h", "port": 3},
        {"name": "q", "ae_title": "B", "host": "i", "port": 4},
    ]
    monkeypatch.setenv("KOA__DICOM__DESTINATIONS", json.dumps(tables))
    as_json = config.load().dicom.destinations
    monkeypatch.setenv("KOA__DICOM__DESTINATIONS", str(tables).replace(":", " =").replace("'name'", "name"))
    assert config.load().dicom.destinations == as_json
    assert [one.port for one in as_json] == [3, 4]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("KOA__STORE__ULR", "did you mean 'KOA__STORE__URL'?"),
        ("KOA__STOER__URL", "did you mean 'KOA__STORE__URL'?"),
        ("KOA__DICOM__RECEIVER__PROT", "did you mean 'KOA__DICOM__RECEIVER__PORT'?"),
        ("KOA__store__url", "did you mean 'KOA__STORE__URL'?"),
        ("KOA__LOG__LEVEL__X", "did you mean 'KOA__LOG__LEVEL'?"),
        ("KOA__LOG__ZZZ", "known names are KOA__LOG__LEVEL, KOA__LOG__FORMAT"),
        ("KOA__LOG", "it is a section; its settings are KOA__LOG__LEVEL, KOA__LOG__FORMAT"),
        ("KOA__", "known names are KOA__FOLDERS, KOA__STORE"),
    ],
)
def test_an_unknown_variable_gets_a_hint(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "secret")
    with pytest.raises(SetupError) as caught:
        config.load()
    assert f"unknown variable {name!r}; {hint}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KOA__LIMITS__MAX_FILE_MB", "much", "(KOA__LIMITS__MAX_FILE_MB: "),
        ("KOA__WEB__ENABLED", "perhaps", "(KOA__WEB__ENABLED: "),
        ("KOA__WEB__NAMES", "a, b", "KOA__WEB__NAMES is a list"),
        ("KOA__WEB__NAMES", "3", "(KOA__WEB__NAMES: "),
        (
            "KOA__DICOM__DESTINATIONS",
            '[{"name": "p", "ae_title": "A", "host": "h", "port": 3, "prot": 3}]',
            "unknown key 'KOA__DICOM__DESTINATIONS.0.prot'; did you mean 'port'?",
        ),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as caught:
        config.load()
    assert said in str(caught.value)


def test_a_wrong_value_in_the_file_still_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("web = 3\n")
    monkeypatch.setenv("KOA__WEB__PORT", "2")
    with pytest.raises(SetupError, match=r"config\.toml: web: "):
        config.load()


@pytest.mark.parametrize("in_environment", [True, False])
def test_the_address_can_stand_in_a_file(in_environment: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("postgresql://koa:pw@db/koa\n")
    if in_environment:
        monkeypatch.setenv("KOA__STORE__URL_FILE", "secret")
    else:
        (tmp_path / "config.toml").write_text('[store]\nurl_file = "secret"\n')
    traced = config.trace()
    assert traced.config.store.url == "postgresql://koa:pw@db/koa"
    assert traced.config.store.url_file == str(tmp_path / "secret")
    assert traced.origins["store", "url"] == f"secret file {tmp_path / 'secret'}"
    assert "pw" not in repr(traced)


def test_a_relative_database_in_a_secret_file_counts_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sqlite:///here.db")
    (tmp_path / "other.toml").write_text('[store]\nurl_file = "secret"\n')
    assert config.load(tmp_path / "other.toml").store.url == f"sqlite:///{tmp_path}/here.db"


def test_address_and_file_of_one_place_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("sqlite:///:memory:")
    monkeypatch.setenv("KOA__STORE__URL", "sqlite:///a")
    monkeypatch.setenv("KOA__STORE__URL_FILE", "secret")
    with pytest.raises(SetupError, match="both KOA__STORE__URL and KOA__STORE__URL_FILE are set; remove one of them"):
        config.load()
    monkeypatch.delenv("KOA__STORE__URL")
    (tmp_path / "config.toml").write_text('[store]\nurl = "sqlite:///b"\nurl_file = "secret"\n')
    with pytest.raises(SetupError, match=r"\[store\] has both url and url_file; remove one of them"):
        config.load()


def test_either_in_the_environment_replaces_both_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("sqlite:///:memory:")
    (tmp_path / "config.toml").write_bytes(SHIPPED.read_bytes())  # which names an address
    monkeypatch.setenv("KOA__STORE__URL_FILE", "secret")
    assert config.load().store.url == "sqlite:///:memory:"
    monkeypatch.delenv("KOA__STORE__URL_FILE")
    (tmp_path / "config.toml").write_text('[store]\nurl_file = "absent"\n')
    monkeypatch.setenv("KOA__STORE__URL", "postgresql://db/koa")
    traced = config.trace()
    assert traced.config.store == config.StoreSettings(url="postgresql://db/koa")
    assert traced.origins == {("store", "url"): "variable KOA__STORE__URL"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"hidden\nwords", "it contains several lines"),
        (b"hidden\xff", "it is not UTF-8 text"),
    ],
)
def test_a_secret_file_that_cannot_be_used(content: bytes | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[store]\nurl_file = "secret"\n')
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SetupError) as caught:
        config.load()
    assert caught.value.code == "secret_file"
    assert f"[store] url_file, {tmp_path / 'secret'}: {said}" in str(caught.value)
    assert "the worker's account may read it" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_folder_is_no_secret_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[store]\nurl_file = "."\n')
    with pytest.raises(SetupError, match="Is a directory"):
        config.load()
