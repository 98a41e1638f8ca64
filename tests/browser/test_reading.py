"""A reader's work with the page: the list by keys, reading studies in turn, withdrawing, blind, earlier exams."""

from __future__ import annotations

import re
from typing import Any

import pydicom
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from koa_worker.synthetic.demo import demo_set

PHONE = {"width": 390, "height": 844}
SHOWN = "return [...document.querySelectorAll('.pane:not([hidden]) .stage')].every((one) => one.dataset.shows)"


def press(browser: Any, *keys: str) -> None:
    """Keys that lead to another page."""
    body = browser.one("body")
    body.send_keys(*keys)
    browser.await_next_page(body)


@pytest.fixture(scope="session")
def earlier(driver: Any, site: str, uploaded: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The patient of the uploaded study has an earlier exam, which is uploaded now; the study's page."""
    from tests.browser.conftest import Browser  # noqa: PLC0415

    drawn = demo_set(tmp_path_factory.mktemp("earlier"), seed=4)
    film = next(path for path in drawn if path.name.endswith("bilateral.dcm"))
    header = pydicom.dcmread(film)
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = "20210301"
    header.save_as(film)
    browser = Browser(driver, site)
    browser.look()
    browser.log_in("anna")
    browser.go("/upload")
    browser.one("input[type=file]").send_keys(str(film))
    browser.until(lambda: browser.all(".sent .says a"), "the result of the earlier exam")
    return str(uploaded.study)


def test_a_list_is_read_to_its_end_with_one_key_to_begin_and_two_for_each_knee(browser: Any, uploaded: Any) -> None:
    browser.log_in("carl")
    browser.go("/?days=7")
    knees = len(browser.all(".line .side .kl"))
    assert knees >= 3
    press(browser, Keys.ENTER)
    pressed = 1
    while "/studies/" in browser.driver.current_url:
        assert "days=7" in browser.driver.current_url
        press(browser, "2", Keys.ENTER)
        pressed += 2
        browser.see("Saved:", ".kept")
    assert pressed == 1 + 2 * knees
    browser.see("You have read every study in this list", "main")
    assert not browser.all(".mark.unread")
    browser.leave(browser.driver.find_element(By.LINK_TEXT, "Unread by me"))
    browser.see("Nothing matches", ".empty")


def test_a_line_is_chosen_by_keys_and_the_next_study_is_one_key_away(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go("/?state=completed")
    studies = [link.get_attribute("href") for link in browser.all(".line .who a")]
    body = browser.one("body")
    body.send_keys("j", "j", "k")
    assert browser.one(".line[data-chosen] .who a").get_attribute("href") == studies[0]
    press(browser, "j", Keys.ENTER)
    assert browser.driver.current_url == studies[1]
    press(browser, "k")
    assert browser.driver.current_url == studies[0]
    press(browser, "j")
    press(browser, "u")
    assert browser.driver.current_url.endswith("/?state=completed")


def test_a_reading_is_withdrawn_from_where_it_was_saved(browser: Any, uploaded: Any) -> None:
    browser.log_in("dora")
    browser.go(uploaded.crop)
    press(browser, "4", Keys.ENTER)
    browser.leave(browser.one(".kept button"))
    browser.go(uploaded.crop)
    assert "dora" not in browser.one(".sheets").text
    press(browser, "3", Keys.ENTER)
    browser.go(uploaded.crop)
    assert "dora" in browser.one(".sheets").text


def test_an_open_list_shows_what_others_do_without_being_loaded_again(browser: Any, uploaded: Any) -> None:
    browser.log_in("erik")
    browser.go("/")
    browser.run("window.stayed = true")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    try:
        browser.go(uploaded.crop)
        press(browser, "1", Keys.ENTER)
    finally:
        browser.driver.close()
        browser.driver.switch_to.window(first)
    browser.see("erik", ".list")
    assert browser.run("return window.stayed")


def test_back_returns_to_what_was_searched_for(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go("/")
    browser.send(browser.one("input[name=text]"), "syn-0101")
    browser.see("SYN-0101", ".list")
    found = browser.driver.current_url
    assert "syn" not in found.lower()
    browser.leave(browser.one(".line .who a"))
    assert "/studies/" in browser.driver.current_url
    browser.driver.back()
    browser.see("SYN-0101", ".list")
    assert browser.driver.current_url == found
    assert browser.one("input[name=text]").get_attribute("value") == "syn-0101"


def test_a_blind_reader_is_sent_the_answers_only_after_the_last_knee(browser: Any, uploaded: Any) -> None:
    browser.log_in("bella")
    browser.see("hidden", ".list")
    assert "KL" not in browser.one(".list").text
    browser.go(uploaded.study)
    asked = "return performance.getEntriesByType('resource').map((one) => one.name)"
    for left in (2, 1):
        browser.until(lambda: browser.run(SHOWN), "the films")
        browser.see(f"{left} left", "#main")
        source = browser.driver.page_source
        assert not re.search(r"heat\.png|data-model|polyline|probab", source)
        assert set(re.findall(r"KL&nbsp;\d|KL\xa0\d", source)) <= {"KL&nbsp;1", "KL\xa01"}  # the own one
        assert not [name for name in browser.run(asked) if "heat" in name]
        body = browser.one("body")
        body.send_keys("y")  # agrees with nothing
        assert body.is_enabled()
        press(browser, "1", Keys.ENTER)
    browser.see("Probability of each grade", "#main")
    browser.see("blind", ".readings")
    assert browser.driver.current_url.startswith(uploaded.study)


def test_the_earlier_exam_hangs_beside_this_one_and_zooms_with_it(browser: Any, earlier: str) -> None:
    browser.log_in("anna")
    browser.go(earlier)
    browser.until(lambda: browser.run(SHOWN), "the films")
    names = "return [...document.querySelectorAll('.pane:not([hidden]) .name')].map((one) => one.textContent)"
    scales = (
        "return [...document.querySelectorAll('.pane:not([hidden]) .state')].map((one) => parseInt(one.textContent))"
    )
    body = browser.one("body")
    assert len(browser.run(names)) == 2
    body.send_keys("e")
    browser.until(lambda: len(browser.run(names)) == 4 and browser.run(SHOWN), "the earlier films")
    assert [re.sub(r" · PA.*", "", name) for name in browser.run(names)] == [
        *("Right knee", "Right knee · 2021-03-01"),
        *("Left knee", "Left knee · 2021-03-01"),
    ]
    before = browser.run(scales)
    browser.one(".pane:not([hidden]) .stage").click()
    body.send_keys("+", "+")
    browser.until(lambda: all(new > old for new, old in zip(browser.run(scales), before, strict=True)), "all to zoom")
    body.send_keys("e")
    browser.until(lambda: len(browser.run(names)) == 2, "this exam alone")


def test_dark_is_switched_and_stays(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(paper)
    browser.one("[data-switch=dark]").click()
    dark = browser.run(paper)
    assert dark != light
    browser.go(uploaded.study)
    assert browser.run(paper) == dark
    browser.one("[data-switch=dark]").click()
    browser.look(dark=True)
    browser.go("/")
    assert browser.run(paper) == light
    browser.run("localStorage.clear()")
    browser.go("/")
    assert browser.run(paper) == dark  # as the system has it


def test_what_is_new_fits_a_phone_too(browser: Any, earlier: str) -> None:
    browser.look(**PHONE)
    for who in ("anna", "bella"):
        browser.log_in(who)
        for path in ("/", "/?read=unread&days=7", earlier):
            browser.go(path)
            assert browser.run("return document.documentElement.scrollWidth") <= PHONE["width"], (who, path)
    browser.log_in("anna")
    browser.go(earlier)
    browser.one("body").send_keys("e")
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_reason_for_review_is_told_in_full(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.go("/?review=yes")
    fold = browser.one(".reasons summary")
    whole = browser.one(".reasons p")
    edge = "const one = arguments[0].getBoundingClientRect(); return one.right"
    assert not whole.is_displayed()
    for one in browser.all(".why:has(summary)"):
        assert browser.run(edge, one.find_element(By.CSS_SELECTOR, "summary")) <= browser.run(edge, one) + 1
    fold.send_keys(Keys.ENTER)
    assert whole.is_displayed()
    assert whole.text.endswith(".")
    assert browser.run(edge, fold) <= browser.run(edge, browser.one(".list"))


@pytest.mark.parametrize("path", ["/", "study"])
def test_paper_has_the_list_and_the_study_without_their_buttons(browser: Any, uploaded: Any, path: str) -> None:
    browser.log_in("anna")
    browser.go(uploaded.study if path == "study" else path)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = [one for one in browser.all("button, .button, .way, .filters, .kept, .pick") if one.is_displayed()]
        assert [one.get_attribute("outerHTML") for one in shown] == []
        assert browser.one(".notice").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
