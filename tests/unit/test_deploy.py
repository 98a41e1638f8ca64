"""The files for systemd and Docker call commands that exist, and their limits fit the program's own."""

import configparser
import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from koa_worker.commands.cli import app
from koa_worker.config import Config, load

DEPLOY = Path(__file__).parents[2] / "deploy"
INSTALL = (DEPLOY / "install.md").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name)
    return parser


@pytest.mark.parametrize("name", ["koa-worker.service", "koa-worker-nightly.service"])
def test_a_service_calls_the_daemon_and_is_hardened(name: str) -> None:
    service = unit(name)["Service"]
    words = service["ExecStart"].split()
    assert words[0].endswith("/koa-worker")
    assert CliRunner().invoke(app, [words[1], "--help"]).exit_code == 0
    assert ("--once" in words) == ("nightly" in name)
    for setting, value in {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "UMask": "0077"}.items():
        assert service[setting] == value
    assert service["User"] != "root"
    # systemd waits longer than the daemon waits for its worker processes.
    assert int(service["TimeoutStopSec"]) > Config().work.stop_seconds
    assert service["KillMode"] == "mixed"


def test_the_daemon_tells_systemd_and_a_refused_setup_stays_refused() -> None:
    service = unit("koa-worker.service")["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 60
    assert service["RestartPreventExitStatus"] == "2"


def test_the_timer_starts_the_nightly_batch() -> None:
    assert "OnCalendar" in unit("koa-worker-nightly.timer")["Timer"]
    assert unit("koa-worker-nightly.service")["Service"]["SuccessExitStatus"] == "1"


def test_the_container_asks_the_daemon_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"HEALTHCHECK .* CMD (\[.*\])", text)
    assert found is not None
    words = json.loads(found.group(1))
    monkeypatch.chdir(tmp_path)
    asked = CliRunner().invoke(app, words[1:])
    assert (words[0], asked.exit_code, asked.output) == ("koa-worker", 1, "not running\n")


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    for path in DEPLOY.glob("koa-worker*"):
        text = path.read_text(encoding="utf-8").replace("/opt/koa-worker/.venv/bin/koa-worker", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [program, "verify", *tmp_path.glob("koa-worker*")], check=False, capture_output=True, text=True
    )
    assert "koa-worker" not in checked.stderr, checked.stderr


@pytest.mark.parametrize("name", ["koa-worker.service", "koa-worker-nightly.service"])
def test_the_exposure_is_the_one_that_is_documented(name: str, peer: Callable[[str], str]) -> None:
    quoted = re.search(r"exposure of the unit as (\d\.\d)", INSTALL)
    assert quoted is not None
    most = round(float(quoted.group(1)) * 10)
    words = [peer("systemd-analyze"), "security", "--offline=true", f"--threshold={most}", str(DEPLOY / name)]
    rated = subprocess.run(words, check=False, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


def test_what_is_typed_to_install_it_exists(tmp_path: Path) -> None:
    lines = [line.strip() for line in INSTALL.splitlines() if line.startswith("    ")]
    for line in lines:
        for path in re.findall(r"(?<![\w/-])deploy/\S+", line):
            assert (DEPLOY.parent / path).is_file(), line
        for words in re.findall(r"(?:^|-- )koa-worker ([a-z]+(?: [a-z]+)?)", line):
            assert CliRunner().invoke(app, [*words.split(), "--help"]).exit_code == 0, line
    text = INSTALL.split("config.toml <<'EOF'\n")[1].split("    EOF\n")[0]
    (tmp_path / "config.toml").write_text(textwrap.dedent(text))
    settings = load(tmp_path / "config.toml")
    home = f"{unit('koa-worker.service')['Service']['WorkingDirectory']}/"
    assert {name for name, path in settings.folders.all().items() if not str(path).startswith(home)} == set()
    assert settings.store.url.startswith(f"sqlite:///{home}")
    assert str(settings.dicom.results.folder).startswith(home)


def test_each_service_says_how_it_is_and_the_worker_asks_as_the_image_does() -> None:
    assert set(COMPOSE["services"]) == {"orthanc", "postgres", "worker"}
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in COMPOSE["services"].values())
    assert COMPOSE["services"]["worker"]["healthcheck"]["test"][1:] == ["koa-worker", "status", "--alive"]


def test_secrets_are_files_that_are_kept_out_of_the_history_and_the_image() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "/deploy/secrets/" in (DEPLOY.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|URL|SECRET", name):
                assert name.endswith("_FILE")
                assert Path(value).parent == Path("/run/secrets")
                assert Path(value).name in service["secrets"]


def test_the_image_gets_what_is_named_and_nothing_else() -> None:
    lines = (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert kept == {name for line in copied for name in line.split()}


def test_what_the_worker_is_told_are_settings_that_it_has() -> None:
    names = [name for name in COMPOSE["services"]["worker"]["environment"] if name.startswith("KOA__")]
    assert names
    for name in names:
        section: Any = Config
        for part in name.removeprefix("KOA__").removesuffix("_FILE").lower().split("__"):
            assert part in section.model_fields, name
            section = section.model_fields[part].annotation
    settings = load(DEPLOY / "compose.toml")
    assert settings.dicom.receiver.enabled
    assert [destination.host for destination in settings.dicom.destinations] == ["orthanc"]


def test_the_locks_of_the_container_name_hashes_and_no_address() -> None:
    for lock in DEPLOY.glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert len(re.findall(r"^[a-z]", text, re.MULTILINE)) == len(
            re.findall(r"^\S+==[^\n]+ \\\n    --hash=sha256:", text, re.MULTILINE)
        )
    lock = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    assert all(f"\n{name}==" in lock for name in ("psycopg[binary]", "s3fs"))


def test_compose_reads_its_file(peer: Callable[[str], str]) -> None:
    told = subprocess.run(
        [peer("docker-compose"), "--file", str(DEPLOY / "compose.yaml"), "config"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr


def test_the_image_is_built_from_all_that_the_package_needs() -> None:
    copied = {
        word
        for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    let_in = {
        line[1:]
        for line in (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] == "!"
    }
    needed = {"koa_worker", "training", "models", "config.toml", "README.md", "LICENSE", "NOTICE", "pyproject.toml"}
    assert needed <= copied
    assert needed <= let_in
