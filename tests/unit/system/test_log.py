"""Log lines say which file and where, never what a file or a person is called."""

import json
import logging
import threading

import pytest

from koa_worker import config
from koa_worker.system import log


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before


def stumble() -> None:
    try:
        int("PatientName is Secret^Name")
    except ValueError:
        logging.getLogger("koa_worker.x").exception("stage broke", extra={"file": "abc"})


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_is_named_by_class_and_place_without_its_message(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(config.LogSettings(format=form))
    stumble()
    line = capsys.readouterr().err
    assert "stage broke" in line
    assert "abc" in line
    assert "ValueError at stumble:" in line
    assert "Secret" not in line
    assert line.count("\n") == 1


def test_json_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(config.LogSettings(format="json"))
    logging.getLogger("koa_worker.x").info("filed", extra={"file": "abc", "knees": 2})
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["file"], line["knees"], line["level"]) == ("filed", "abc", 2, "info")


def test_the_level_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(config.LogSettings(level="warning"))
    logging.getLogger("koa_worker.x").info("not this")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("library", ["imagecodecs", "pydicom", "pynetdicom.dul", "highdicom.sr"])
def test_a_library_s_warning_that_quotes_a_file_is_not_shown(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(config.LogSettings(format="text"))
    logging.getLogger(library).error("PNG warning: iCCP: profile 'Mueller Ingeborg 1950': too short")
    assert capsys.readouterr().err == ""


def test_a_thread_that_breaks_is_one_line_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.excepthook
    log.set_up(config.LogSettings(format="text"))
    try:
        thread = threading.Thread(target=lambda: int("Secret^Name"))
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    said = capsys.readouterr().err
    assert "a thread broke" in said
    assert "ValueError" in said
    assert "Secret" not in said
    assert said.count("\n") == 1
