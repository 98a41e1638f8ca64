"""Actions on studies and users on the page: sending again, downloading, correcting, erasing; adding and locking."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from koa_worker.synthetic.demo import demo_set
from tests.browser.test_page import PHONE, axe

FETCH = """
const [where, done] = [arguments[0], arguments[1]];
fetch(where).then(async (answer) => {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const magic = String.fromCharCode(...bytes.slice(128, 132));
  done([answer.status, answer.headers.get("Content-Type"), magic, bytes.length]);
});
"""
NEW = "a new long password"


def choose(browser: Any, name: str, value: str) -> None:
    """By the keyboard, as a user without a mouse."""
    browser.one(f"input[name={name}][value='{value}']").send_keys(Keys.SPACE)


def open_page(browser: Any, path: str) -> None:
    """And keeps a picture of it where somebody wants to look at it, on three screens."""
    browser.go(path)
    if folder := os.environ.get("KOA_SCREENSHOTS"):
        name = re.sub(r"[^a-z]+", "-", re.sub(r"[0-9a-f]{32,}", "", path.removeprefix(browser.address))).strip("-")
        for kind, screen in (("desk", {}), ("dark", {"dark": True}), ("phone", PHONE)):
            browser.look(**screen)
            height = browser.run("return document.documentElement.scrollHeight")
            browser.look(**{**screen, "height": min(4000, max(500, height))})
            browser.driver.save_screenshot(str(Path(folder) / f"{name or 'list'}-{kind}.png"))
        browser.look()


@pytest.fixture(scope="module")
def stranger(driver: Any, site: str, uploaded: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another patient's study, which may be erased; its page."""
    from tests.browser.conftest import Browser  # noqa: PLC0415

    drawn = demo_set(tmp_path_factory.mktemp("stranger"), seed=11)
    film = next(path for path in drawn if path.name.endswith("bilateral.dcm"))
    header = pydicom.dcmread(film)
    header.PatientID = "STRANGER-1"
    header.PatientName = "Müller^Jörg"
    header.save_as(film)
    browser = Browser(driver, site)
    browser.look()
    browser.log_in("anna")
    browser.go("/upload")
    browser.one("input[type=file]").send_keys(str(film))
    (link,) = browser.until(lambda: browser.all(".sent .says a"), "the result of the stranger")
    return str(link.get_attribute("href"))


def received(browser: Any, study: str) -> str:
    """Waits until the destination has all; what the page says then."""

    def said() -> str:
        browser.go(study)
        row = browser.all("section[aria-labelledby=delivery] tbody tr")
        text = row[0].text if row else ""
        found = re.search(r"(\d+) of \1 received", text)
        return text if found and "waiting" not in text else ""

    return str(browser.until(said, "the delivery"))


def test_results_are_sent_again_from_the_study_s_page(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    assert "share" in received(browser, uploaded.study)
    open_page(browser, uploaded.study)
    again = next(one for one in browser.all("section[aria-labelledby=delivery] button") if "again" in one.text)
    browser.leave(again)
    browser.see("All results of this study are sent again", ".kept")
    received(browser, uploaded.study)


def test_the_original_is_handed_out_and_the_log_says_to_whom(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go(uploaded.study)
    where = browser.one(".image-actions a[download]").get_attribute("href")
    status, kind, magic, size = browser.driver.execute_async_script(FETCH, where)
    assert (status, kind, magic) == (200, "application/dicom", "DICM")
    assert size > 100_000
    browser.log_in("ada")
    browser.go("/admin?who=anna")
    browser.see("original", "main")


def test_mirrored_sides_and_a_missing_pixel_size_are_corrected_by_keys(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go(uploaded.study)
    before = [one.text for one in browser.all(".knee h3")]
    revisions = len(browser.all("section.history [aria-label=Reports] tbody tr"))
    way = browser.one(".image-actions a[href$=correction]")
    address = way.get_attribute("href")
    open_page(browser, address)
    choose(browser, "edge", "L")
    choose(browser, "size", "own")
    browser.send(browser.one("input[name=mm]"), "0,2")
    browser.see("The next revision of the report is being written", ".kept")
    browser.see("Corrected by anna")
    after = [one.text for one in browser.all(".knee h3")]
    assert [one.split()[0] for one in after] == [one.split()[0] for one in reversed(before)]

    def is_revised() -> bool:
        browser.go(uploaded.study)
        return len(browser.all("section.history [aria-label=Reports] tbody tr")) > revisions

    browser.until(is_revised, "the next revision")
    received(browser, uploaded.study)
    browser.go(address)
    browser.see("take it back")
    for name in ("edge", "size"):
        choose(browser, name, "")
    browser.leave(browser.one("main form button"))
    assert [one.text for one in browser.all(".knee h3")] == before
    assert "Corrected by" not in browser.one("main").text


@pytest.mark.parametrize("said", ["Müller", "mueller", "Muller", "Joerg MÜLL"])
def test_an_umlaut_is_found_however_it_is_typed(browser: Any, stranger: str, said: str) -> None:
    browser.log_in("anna")
    browser.go("/")
    browser.send(browser.one("input[name=text]"), said)
    (line,) = browser.all(".line .who a")
    assert line.text == "Müller Jörg"
    assert str(line.get_attribute("href")).split("?")[0] == stranger.split("?", maxsplit=1)[0]


def test_a_patient_is_erased_after_the_id_is_typed(browser: Any, stranger: str) -> None:
    browser.log_in("ada")
    browser.go(stranger)
    browser.leave(browser.one(".erase a"))
    browser.leave(next(one for one in browser.all(".pill") if "patient" in one.text))
    open_page(browser, browser.driver.current_url)
    browser.see("Studies 1", "section[aria-labelledby=list]")
    browser.send(browser.one("#typed"), "stranger")
    browser.see("Nothing was removed", "[role=alert]")
    browser.send(browser.one("#typed"), "STRANGER-1")
    browser.see("Erased", "h1")
    browser.go(stranger)
    browser.see("There is nothing at this address")
    browser.go("/admin?who=ada")
    browser.see("forget finished".replace(" ", "_"), "main")
    assert "STRANGER" not in browser.one("main").text


def test_a_user_comes_is_locked_out_and_goes(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.go("/admin")
    browser.leave(browser.one(".title .button"))
    open_page(browser, browser.driver.current_url)
    browser.one("#name").send_keys("Fritz")
    choose(browser, "role", "view")
    browser.one("#new").send_keys(NEW)
    browser.send(browser.one("#again"), NEW)
    browser.see("The user has been added", ".kept")
    open_page(browser, "/admin/users/fritz")
    open_page(browser, "/admin")
    browser.log_in("fritz", NEW)
    browser.see("Worklist", "h1")
    browser.log_in("ada")
    browser.go("/admin/users/fritz")
    browser.leave(next(one for one in browser.all("button") if one.text == "Lock out"))
    browser.see("Locked", "h1")
    browser.log_in("fritz", NEW)
    browser.see("The name or the password is wrong", "[role=alert]")
    browser.log_in("ada")
    browser.go("/admin/users/ada")
    browser.leave(next(one for one in browser.all("button") if one.text == "Lock out"))
    browser.see("Nobody would be left who may manage the users", "[role=alert]")
    browser.go("/admin/users/fritz")
    browser.one("summary").send_keys(Keys.ENTER)
    browser.send(browser.one("#typed"), "fritz")
    browser.see("Users", "h1")
    assert "fritz" not in browser.one("table").text


@pytest.mark.parametrize("screen", [{}, {"dark": True}, {**PHONE, "dark": True}], ids=["light", "dark", "phone"])
def test_what_is_new_is_for_everyone_and_fits_a_phone(browser: Any, uploaded: Any, screen: dict[str, Any]) -> None:
    browser.log_in("ada")
    browser.go(uploaded.study)
    correction = browser.one(".image-actions a[href$=correction]").get_attribute("href")
    found = []
    for path in (
        correction,
        browser.one(".erase a").get_attribute("href"),
        f"{browser.one('.erase a').get_attribute('href')}?what=patient",
        "/admin/users",
        "/admin/users/anna",
    ):
        browser.look(**screen)
        found += axe(browser, path)
        assert browser.run("return document.documentElement.scrollWidth") <= screen.get("width", 1440), path
        browser.go(uploaded.study)
    assert found == []
    targets = browser.driver.find_elements(By.CSS_SELECTOR, ".image-actions a")
    assert all(one.is_displayed() for one in targets)
