"""Alerts as a real web server and a real program get them: once for each change."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from koa_worker import config
from koa_worker.config import AlertSettings
from koa_worker.daemon import alerts
from koa_worker.daemon.alerts import Alerts
from koa_worker.daemon.notices import Notices
from koa_worker.system.concern import Concern

DOWN, GONE = Concern("destination_down", "pacs", "Connection refused", 0.0), Concern("inbox_gone")


@contextmanager
def listening(came: list[dict[str, Any]], status: list[int]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(json.loads(text))
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Nothing on the screen."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Scene:
    """Alerts by webhook, with a clock that a test sets forward."""

    def __init__(self, address: str, work: Path) -> None:
        self.now = 0.0
        self._work = work
        self._way = partial(alerts._post, AlertSettings(webhook=address))
        self.start()

    def start(self) -> None:
        self._alerts = Alerts("webhook", self._way, self._work, 60.0, lambda: self.now)

    def consider(self, *concerns: Concern, after: float = 5.0) -> None:
        self.now += after
        self._alerts.consider(concerns)


@pytest.fixture
def came() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def status() -> list[int]:
    return [200]


@pytest.fixture
def scene(came: list[dict[str, Any]], status: list[int], tmp_path: Path) -> Iterator[Scene]:
    with listening(came, status) as address:
        yield Scene(address, tmp_path)


def test_each_change_is_told_once(scene: Scene, came: list[dict[str, Any]]) -> None:
    for _ in range(100):
        scene.consider(DOWN)
    (first,) = came
    assert [(one["code"], one["subject"]) for one in first["began"]] == [("destination_down", "pacs")]
    assert "Connection refused" in first["began"][0]["says"]
    assert first["ended"] == []
    for _ in range(100):
        scene.consider(DOWN, GONE)
    assert [one["code"] for one in came[1]["began"]] == ["inbox_gone"]
    assert len(came[1]["concerns"]) == 2
    for _ in range(100):
        scene.consider()
    assert came[2]["ended"] == [
        {"code": "destination_down", "subject": "pacs"}, {"code": "inbox_gone", "subject": ""},
    ]  # fmt: skip
    assert len(came) == 3


def test_what_comes_and_goes_is_no_storm(scene: Scene, came: list[dict[str, Any]]) -> None:
    for _ in range(100):
        scene.consider(DOWN, after=20)
        scene.consider(after=20)
    assert came == []


def test_a_restart_tells_nothing_twice(scene: Scene, came: list[dict[str, Any]]) -> None:
    for _ in range(20):
        scene.consider(DOWN)
    for _ in range(20):
        scene.start()
        scene.consider(DOWN, after=100)
    assert len(came) == 1


def test_a_webhook_that_fails_is_tried_again_with_growing_pauses(
    scene: Scene, came: list[dict[str, Any]], status: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    status[0] = 500
    for _ in range(720):
        scene.consider(DOWN)  # for an hour
    assert 5 <= len(came) <= 8
    assert "alert not delivered" in caplog.text
    status[0] = 200
    for _ in range(720):
        scene.consider(DOWN)
    tries = len(came)
    for _ in range(720):
        scene.consider(DOWN)
    assert len(came) == tries <= 9


def test_an_alert_that_fails_is_said_elsewhere_until_one_succeeds(tmp_path: Path) -> None:
    told, program, now = tmp_path / "told", tmp_path / "tell.py", [0.0]
    program.write_text("import sys; sys.exit(3)")
    way = partial(alerts._run, AlertSettings(command=f"{sys.executable} {program}"))
    command = Alerts("command", way, tmp_path, 0.0, lambda: now[0])
    for _ in range(2):
        command.consider([GONE, *command.concerns])
        now[0] += 60
    assert command.concerns == (Concern("alert_failed", "command", "exit code 3"),)
    program.write_text(f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read())")
    now[0] += 60
    command.consider([GONE, *command.concerns])
    assert command.concerns == ()
    # It does not tell of its own failure, which is over when it succeeds, or when there is nothing more to tell.
    assert [one["code"] for one in json.loads(told.read_text())["began"]] == ["inbox_gone"]
    program.write_text("import sys; sys.exit(3)")
    for concerns, failures in (([GONE, DOWN], 1), ([GONE], 0)):
        now[0] += 60
        command.consider(concerns)
        assert len(command.concerns) == failures


def test_a_webhook_that_cannot_be_reached_is_a_notice_that_names_no_address(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/secret"
        settings = config.Config(alerts=AlertSettings(webhook=address, after_seconds=0.0)).below(tmp_path)
        settings.folders.work.mkdir(parents=True)
        notices = Notices()
        notices.update("inbox", [GONE])
        alerts.alerts(settings, notices)()
    (_, failed) = sorted(notices.concerns, key=lambda one: one.code != "inbox_gone")
    assert (failed.code, failed.subject, failed.detail) == ("alert_failed", "webhook", "Connection refused")


def test_a_program_gets_it_on_its_standard_input(tmp_path: Path) -> None:
    target = tmp_path / "told"
    program = tmp_path / "tell.py"
    program.write_text(f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())")
    settings = config.Config(alerts=AlertSettings(command=f"{sys.executable} {program}", after_seconds=0.0))
    settings = settings.below(tmp_path)
    settings.folders.work.mkdir(parents=True)
    notices = Notices()
    consider = alerts.alerts(settings, notices)
    consider()
    assert not target.exists()
    notices.update("inbox", [GONE])
    consider()
    assert json.loads(target.read_text())["began"][0]["code"] == "inbox_gone"


def test_nobody_is_told_if_nobody_is_named(tmp_path: Path) -> None:
    notices = Notices()
    notices.update("inbox", [GONE])
    alerts.alerts(config.Config().below(tmp_path), notices)()
    assert list(tmp_path.iterdir()) == []
