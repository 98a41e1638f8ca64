"""The worklist in use: sorted by its column heads, actions on many rows, and assignments."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from typing import Any

import pytest
from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.test_page import axe

PHONE = {"width": 390, "height": 844}

# What a form's button would download, as text in base 64: a browser without a screen keeps no downloads.
FETCH = """
const [form, name, value, done] = arguments;
const said = new FormData(form);
said.set(name, value);
const written = (bytes) => bytes.reduce((text, byte) => text + String.fromCharCode(byte), "");
fetch(form.action, { method: "POST", body: new URLSearchParams(said) })
  .then(async (answer) => [answer.status, btoa(written(new Uint8Array(await answer.arrayBuffer())))])
  .then(done, (fault) => done([0, String(fault)]));
"""


def names(browser: Any) -> list[str]:
    return [link.text for link in browser.all(".line .who a")]


def head(browser: Any, label: str) -> Any:
    return browser.driver.find_element(By.XPATH, f"//*[@role='columnheader']/a[starts-with(., '{label}')]")


def fetched(browser: Any, do: str) -> bytes:
    """The download of the chosen rows."""
    status, text = browser.driver.execute_async_script(FETCH, browser.one("#chosen"), "do", do)
    assert status == 200, text
    return base64.b64decode(text)


def test_each_head_sorts_both_ways_and_back_returns(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    for label in ("Patient", "Examination", "Right", "Left", "Read by", "Review", "Arrived"):
        whole = sorted(names(browser))
        directions = []
        for _ in range(2):
            browser.leave(head(browser, label))
            sorted_by = head(browser, label).find_element(By.XPATH, "..")
            directions.append(sorted_by.get_attribute("aria-sort"))
            assert sorted(names(browser)) == whole, label
        assert set(directions) == {"ascending", "descending"}, label
    browser.go("/?sort=right")
    grades = [kl.text for kl in browser.all(".line .side.right .kl")]
    assert grades == sorted(grades, reverse=True)
    browser.leave(head(browser, "Right"))
    assert [kl.text for kl in browser.all(".line .side.right .kl")] == grades[::-1]
    assert "sort=-right" in browser.driver.current_url
    browser.driver.back()
    assert "sort=right" in browser.driver.current_url


def test_the_order_is_chosen_on_a_phone_and_stays_with_the_filters(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.look(**PHONE)
    browser.go("/?days=7")
    Select(browser.one("select[name=sort]")).select_by_visible_text("Patient, A to Z")
    browser.leave(browser.one(".filters button[type=submit]"))
    assert "days=7" in browser.driver.current_url
    assert "sort=patient" in browser.driver.current_url
    browser.one(".line:not(.heads) .pick input").click()
    assert browser.one(".bulk").is_displayed()
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE["width"]
    box, line = browser.one(".pick :checked").rect, browser.one(".line:has(:checked) .who a").rect
    assert box["x"] + box["width"] <= line["x"]


def test_lines_are_chosen_by_keys_and_stay_chosen_when_the_list_is_renewed(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go("/")
    browser.run("window.stayed = true")
    assert not browser.one(".bulk").is_displayed()
    browser.one("body").send_keys("j", "x")
    browser.see("1 chosen", ".bulk")
    marked = browser.one(".pick input[form]:checked").get_attribute("value")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    try:
        browser.go(uploaded.crop)
        form = browser.one(".reading")
        browser.one("body").send_keys("2", Keys.ENTER)
        browser.await_next_page(form)
    finally:
        browser.driver.close()
        browser.driver.switch_to.window(first)
    tag = "return document.querySelector('[data-tag]').dataset.tag"
    before = browser.run(tag)
    browser.until(lambda: browser.run(tag) != before, "the renewed list")
    assert browser.run("return window.stayed")
    assert [pick.get_attribute("value") for pick in browser.all(".pick input[form]:checked")] == [marked]
    browser.see("1 chosen", ".bulk")
    body = browser.one("body")
    body.send_keys("a")
    every = len(browser.all(".pick input[form]"))
    browser.see(f"{every} chosen", ".bulk")
    assert browser.one("[data-all]").is_selected()
    browser.one("[data-all]").click()
    assert not browser.one(".bulk").is_displayed()
    browser.one(".pick input[form]").send_keys(Keys.SPACE, Keys.ENTER)  # Enter in a box does nothing with the rows
    assert browser.one(".bulk").is_displayed()


def test_chosen_rows_become_a_table_and_an_archive(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go("/")
    browser.one("[data-all]").click()
    table = list(csv.DictReader(io.StringIO(fetched(browser, "csv").decode())))
    lines = [json.loads(line) for line in fetched(browser, "json").decode().splitlines()]
    graded = len(browser.all(".line .side .kl"))
    assert len([row for row in table if row["kl"]]) == graded
    assert [row["kl"] for row in lines if row["kl"] is not None] == [int(row["kl"]) for row in table if row["kl"]]
    assert "SYN-" not in json.dumps(lines)
    browser.until(lambda: _has_reports(browser, uploaded), "the reports")
    browser.go("/")
    browser.one("[data-all]").click()
    with zipfile.ZipFile(io.BytesIO(fetched(browser, "download"))) as archive:
        found = archive.namelist()
    assert len([name for name in found if name.endswith("/report.pdf")]) >= 2
    assert [name for name in found if name.endswith(".dcm")]
    browser.one("#chosen button[value=retry]").click()
    browser.see("0 files are put back into the queue.", ".kept")


def _has_reports(browser: Any, uploaded: Any) -> bool:
    def has(path: str) -> bool:
        browser.go(path)
        return bool(browser.all("a[href$='report.pdf']"))

    return has(uploaded.study) and has(uploaded.crop)


def test_a_report_is_had_in_another_language(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.until(lambda: _has_reports(browser, uploaded), "the reports")
    other = browser.one("a[hreflang=de]")
    assert other.text == "Deutsch"
    script = """fetch(arguments[0]).then(async (answer) => btoa(String.fromCharCode(...new Uint8Array(
        await answer.arrayBuffer())))).then(arguments[1])"""
    said = {}
    for name, link in (("en", browser.one("a[href$='report.pdf']")), ("de", other)):
        data = base64.b64decode(browser.driver.execute_async_script(script, link.get_attribute("href")))
        said[name] = " ".join(PdfReader(io.BytesIO(data)).pages[0].extract_text().split())
    assert "Research use only" in said["en"]
    assert "Nur für Forschungszwecke" in said["de"]


def test_studies_are_assigned_and_read_mine_first(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.go("/?state=completed")
    mine = browser.all(".line .who a")[-1].get_attribute("href")
    browser.all(".pick input[form]")[-1].click()
    Select(browser.one("select[name=reader]")).select_by_visible_text("fay")
    browser.leave(browser.one("button[value=assign]"))
    browser.see("1 study assigned.", ".kept")
    browser.see("for fay", ".list")
    browser.log_in("fay")
    browser.leave(browser.driver.find_element(By.LINK_TEXT, "Mine"))
    (line,) = browser.all(".line .who a")
    assert line.get_attribute("href").split("?")[0] == mine.split("?")[0]
    browser.see("0 of 1 read", ".progress")
    browser.go("/")
    browser.leave(browser.driver.find_element(By.LINK_TEXT, "Mine first"))
    assert len(browser.all(".line .who a")) > 1
    browser.leave(browser.one(".title .button[data-press=enter]"))
    assert browser.driver.current_url.split("?")[0] == mine.split("?")[0]
    while browser.driver.current_url.split("?")[0] == mine.split("?")[0]:
        form = browser.one(".reading")
        browser.one("body").send_keys("1", Keys.ENTER)
        browser.await_next_page(form)
    assert "/studies/" in browser.driver.current_url  # and on with what is nobody's
    browser.go("/assignments")
    browser.see("1 of 1 read", "main")
    browser.leave(browser.one("main").find_element(By.LINK_TEXT, "fay"))
    browser.one(".pick input[form]").click()
    browser.leave(browser.one("button[value=take]"))
    browser.see("1 assignment taken back.", ".kept")
    browser.see("Nothing matches", ".empty")


@pytest.mark.parametrize("who", ["anna", "bella"])
def test_what_is_new_is_clean_on_every_screen(browser: Any, uploaded: Any, who: str) -> None:
    browser.log_in(who)
    for screen in ({}, {"dark": True}, {**PHONE, "dark": True}):
        browser.look(**screen)
        for path in ("/?sort=patient&assigned=first", "/assignments"):
            assert axe(browser, path) == []
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
