"""The files for systemd and Docker call commands that exist, and their limits fit the program's own."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from koa_worker.cli import app
from koa_worker.config import Config

DEPLOY = Path(__file__).parents[2] / "deploy"


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
    # systemd waits longer than the daemon waits for its hands.
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
