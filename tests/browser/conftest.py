"""A daemon with its page, three users, a headless Chromium, and radiographs that a user uploaded with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from koa_worker.config import load
from koa_worker.store import Store
from koa_worker.synthetic.demo import demo_set
from koa_worker.values import Role
from koa_worker.web.guard.passwords import Cost, hashed
from tests.make import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
PATIENCE = 300.0  # seconds, for a machine that does other things as well
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
SETTINGS = """
[study]
quiet_seconds = 0.0
[intake]
stable_seconds = 0.0
scan_seconds = 0.3
[limits]
min_free_mb = 0
[work]
workers = 1
[web]
enabled = true
port = {port}
blind_readers = ["bella"]
[[dicom.destinations]]
name = "share"
protocol = "folder"
folder = "share"
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running daemon's page; victor may view, ada may all, the others may read, bella blind."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    (folder / "share").mkdir()  # a destination's folder is never made: a share that is not mounted must not look empty
    (folder / "config.toml").write_text(SETTINGS.format(port=port))
    with Store.open(load(folder / "config.toml").store.url) as store:
        readers = [(name, Role.READ) for name in ("anna", "bella", "carl", "dora", "erik", "fay")]
        for name, role in (*readers, ("victor", Role.VIEW), ("ada", Role.ADMIN)):
            store.accounts.add_user(name, role, hashed(PASSWORD, Cost(n=16, r=1, p=1)))
    words = [sys.executable, "-m", "koa_worker", "run"]
    log = (folder / "log.txt").open("w")
    daemon = subprocess.Popen(words, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    try:
        _wait(lambda: _answers(port), "the page")
        yield f"http://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        code = daemon.wait(60)
        log.close()
    assert code == 0
    said = (folder / "log.txt").read_text()
    assert not [word for word in ("Traceback", "SYN-", "synthetic") if word in said]


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait(is_so: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := is_so():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    return False


class Browser:
    """A person at a screen."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def go(self, path: str) -> None:
        self.driver.get(path if path.startswith("http") else self.address + path)

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        self.driver.delete_all_cookies()
        self.go("/login")
        self.one("#name").send_keys(name)
        self.one("#password").send_keys(password)
        self.leave(self.one("main button"))

    def leave(self, button: WebElement) -> None:
        """Presses it and waits for the next page: going elsewhere at once would interrupt the request."""
        button.click()
        self.await_next_page(button)

    def send(self, field: WebElement, text: str = "") -> None:
        """Types the text, sends the form by Enter and waits for its answer."""
        field.send_keys(text, Keys.ENTER)
        self.await_next_page(field)

    def await_next_page(self, element: WebElement) -> None:
        """Waits until the element is gone: the next element may be on the previous page too."""
        _wait(lambda: _is_gone(element), "the next page")

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def until(self, is_so: Callable[[], Any], what: str) -> Any:
        """Waits until it is so: pictures and answers come when they come."""
        return _wait(is_so, what)

    def see(self, text: str, selector: str = "body") -> None:
        """Waits until it stands there."""

        def is_there() -> bool:
            try:
                return text in self.one(selector).text
            except WebDriverException:  # the page is just being replaced
                return False

        _wait(is_there, f"“{text}” in {selector}")

    def look(self, *, width: int = 1440, height: int = 900, dark: bool = False) -> None:
        """Another screen: a phone's, or a dark room's."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture(scope="session")
def driver(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = peer("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(peer("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, site: str) -> Browser:
    fresh = Browser(driver, site)
    fresh.look()
    return fresh


@dataclass(frozen=True)
class Uploaded:
    """Where the results are that the upload's page led to."""

    study: str
    crop: str


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    drawn = demo_set(tmp_path_factory.mktemp("drawn"), seed=3)
    return {
        "dicom": next(path for path in drawn if path.name.endswith("bilateral.dcm")),
        "png": next(path for path in drawn if path.suffix == ".png"),
        "text": next(path for path in drawn if "not-a" in path.name),
    }


@pytest.fixture(scope="session")
def uploaded(driver: webdriver.Chrome, site: str, radiographs: dict[str, Path]) -> Uploaded:
    """Three files, chosen at once; the results appear on the page that they were sent from."""
    browser = Browser(driver, site)
    browser.look()
    browser.log_in("anna")
    browser.go("/upload")
    browser.run("window.stayed = true")
    browser.one("input[type=file]").send_keys("\n".join(map(str, radiographs.values())))
    _wait(lambda: len(browser.all(".sent .mark.completed")) == 2, "both results")
    _wait(lambda: len(browser.all(".sent .kl")) == 3, "three grades")
    _wait(lambda: len(browser.all(".sent .says a")) == 2, "a way to each")
    browser.see("not DICOM, PNG", ".sent .fault")
    browser.see("Export the radiograph", ".sent .fault")
    assert browser.run("return window.stayed")
    links = {item.find_element(By.CSS_SELECTOR, ".name").text: item for item in browser.all(".sent li")}
    found = [
        links[radiographs[kind].name].find_element(By.CSS_SELECTOR, ".says a").get_attribute("href")
        for kind in ("dicom", "png")
    ]
    return Uploaded(*map(str, found))
