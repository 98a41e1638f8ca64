"""The page as users operate it, with the real pipeline behind it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from koa_worker import RESEARCH_NOTICE

AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
PHONE = {"width": 390, "height": 844}
CALM = "document.getAnimations().forEach((one) => one.finish());"


def test_a_wrong_password_is_told_and_the_right_one_lets_in(browser: Any) -> None:
    browser.log_in("anna", "wrong horse battery")
    assert browser.one("[role=alert]").text
    assert browser.driver.current_url.endswith("/login")
    browser.log_in("anna")
    browser.see("Worklist", "h1")
    browser.one(".who button").click()
    browser.see("Log in", "h1")
    browser.go("/")
    browser.see("Log in", "h1")


def test_uploads_become_results_with_a_heatmap_to_fade(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go(uploaded.study)
    assert len(browser.all(".knee")) == 2
    assert len(browser.all(".pane[hidden] .boxes rect")) == 2
    for fold in browser.all(".seen summary"):
        fold.send_keys(Keys.ENTER)
    bars = browser.all(".bars td:has(svg)")
    assert len(bars) == 10
    assert {one.value_of_css_property("display") for one in bars} == {"table-cell"}
    for picture in browser.all(".base, .crop .heat"):
        browser.run("arguments[0].scrollIntoView()", picture)  # what nobody sees is not loaded
        browser.until(lambda one=picture: browser.run("return arguments[0].naturalWidth", one) > 100, "a picture")
    heat = browser.one(".crop .heat")
    slider = browser.one(".crop [data-sets=heat]")
    slider.send_keys(Keys.HOME)
    browser.run(CALM)
    assert heat.value_of_css_property("opacity") == "0"
    slider.send_keys(Keys.END)
    browser.run(CALM)
    assert heat.value_of_css_property("opacity") == "1"


def test_a_picture_is_looked_at_closely_by_keys(browser: Any, uploaded: Any) -> None:
    browser.log_in("victor")
    browser.go(uploaded.study)
    stage, layers = browser.one(".crop .stage"), browser.one(".crop .layers")

    def width() -> float:
        return float(browser.run("return arguments[0].getBoundingClientRect().width", layers))

    before = width()
    stage.send_keys("++", Keys.ARROW_LEFT)
    assert width() == pytest.approx(before * 2, abs=2)
    moved = browser.run("return new DOMMatrix(getComputedStyle(arguments[0]).transform).e", layers)
    assert moved == pytest.approx(before / 10, abs=2)
    browser.one(".crop [data-sets=window]").send_keys(Keys.HOME)
    ramp = browser.run("return Number(document.querySelector('.crop feFuncR').getAttribute('slope'))")
    assert ramp == pytest.approx(255 / 16)
    assert "url(" in browser.one(".crop .base").value_of_css_property("filter")
    stage.send_keys("0")
    assert width() == pytest.approx(before, abs=1)


def test_a_reader_keeps_the_own_grade(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    browser.go(uploaded.study)
    knee = browser.one(".knee")
    knee.find_element("css selector", "input[name=kl][value='3']").send_keys(Keys.SPACE)
    knee.find_element("css selector", "textarea").send_keys("lateral <spur>")
    browser.leave(knee.find_element("css selector", ".reading button"))
    browser.see("lateral <spur>", ".knee")
    browser.see("anna", ".knee")
    browser.go("/agreement")
    browser.see("anna and the model", "main")


def test_a_reader_reads_both_knees_by_keys_alone(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.go(uploaded.study)
    first, second = (knee.get_attribute("id") for knee in browser.all(".knee"))
    assert browser.one("[data-current]").get_attribute("id") == first
    form = browser.one(".reading")
    browser.one("body").send_keys("2", Keys.ENTER)
    browser.await_next_page(form)
    browser.see("KL 2", f"[id='{first}'] .readings tbody")
    assert browser.one("[data-current]").get_attribute("id") == second
    form = browser.all(".reading")[1]
    model = form.get_attribute("data-model")
    browser.one("body").send_keys("y")
    browser.await_next_page(form)
    browser.go(uploaded.study)
    rows = browser.all(f"[id='{second}'] .readings tr")
    assert any("ada" in row.text and f"KL {model}" in row.text.replace("\xa0", " ") for row in rows)


def test_the_worklist_is_filtered_and_searched(browser: Any, uploaded: Any) -> None:
    browser.log_in("anna")
    assert len(browser.all(".line[role=row]:not(.heads)")) >= 3
    browser.leave(browser.one("a.count.rejected"))
    browser.see("Rejected", ".list")
    assert not browser.all(".list .kl")
    for label, days in (("Today", 1), ("7 days", 7)):
        browser.leave(browser.driver.find_element(By.LINK_TEXT, label))
        assert f"days={days}" in browser.driver.current_url
        assert browser.all(".line[role=row]:not(.heads)")
    browser.leave(browser.one(".filters .button.plain"))
    browser.one(".filters summary").click()
    browser.one("input[name=side][value=unknown]").send_keys(Keys.SPACE)
    browser.leave(browser.one(".filters button[type=submit]"))
    (line,) = browser.all(".line[role=row]:not(.heads)")
    assert "side unknown" in line.text
    assert not line.find_elements(By.CSS_SELECTOR, ".label")  # on a phone it would say "Right" before this knee
    assert "side=unknown" in browser.driver.current_url
    browser.go("/")
    browser.send(browser.one("input[name=text]"), "syn-")
    browser.see("SYN-", ".list")
    assert browser.all(".line .side.right .kl")
    assert browser.all(".line .side.left .kl")
    assert "syn" not in browser.driver.current_url.lower()
    browser.send(browser.one("input[name=text]"), "nobody")
    browser.see("Nothing matches", ".empty")


def test_a_viewer_sees_no_patient_and_is_refused_what_is_not_theirs(browser: Any, uploaded: Any) -> None:
    browser.log_in("victor")
    for path in ("/", uploaded.study):
        browser.go(path)
        browser.see("KL", "main")
        assert "SYN-" not in browser.driver.page_source
    assert not browser.all(".frame, .reading")
    for path in ("/upload", "/admin", "/agreement"):
        browser.go(path)
        assert not browser.all("form.drop, table")
        browser.see("does not allow this", "main")


def test_a_file_is_uploaded_without_script(browser: Any, radiographs: dict[str, Path]) -> None:
    browser.log_in("anna")
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.go("/upload")
        browser.one("input[type=file]").send_keys(str(radiographs["text"]))
        browser.one(".drop button").click()
        browser.see(radiographs["text"].name, ".sent")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def _pages(uploaded: Any) -> list[str]:
    found = ["/", uploaded.study, uploaded.crop, "/upload", "/dashboard", "/dashboard/drift", "/agreement"]
    return [*found, "/assignments", "/admin", "/account"]


def test_every_page_fits_a_phone(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.look(**PHONE)
    for path in _pages(uploaded):
        browser.go(path)
        assert browser.run("return document.documentElement.scrollWidth") <= PHONE["width"], path
        browser.see("Research use only", "header")


@pytest.mark.parametrize("screen", [{}, {"dark": True}, {**PHONE, "dark": True}], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious(browser: Any, uploaded: Any, screen: dict[str, Any]) -> None:
    browser.driver.delete_all_cookies()
    browser.look(**screen)
    found = axe(browser, "/login")
    browser.log_in("ada")
    browser.go("/?state=rejected")
    file = str(browser.one(".line .who a").get_attribute("href"))
    for path in (*_pages(uploaded), file, "/studies/none"):
        found += axe(browser, path)
    assert found == []


def axe(browser: Any, path: str) -> list[tuple[str, str, str]]:
    """What axe-core calls serious, with everything unfolded."""
    browser.go(path)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; });" + CALM)
    browser.run(AXE.read_text(encoding="utf-8"))
    result = browser.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
    return [
        (path, violation["id"], node["html"])
        for violation in result["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def test_nothing_is_loaded_from_elsewhere_and_nothing_breaks(browser: Any, uploaded: Any) -> None:
    browser.log_in("ada")
    browser.driver.get_log("browser")
    for path in _pages(uploaded):
        browser.go(path)
        loaded = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
        assert loaded
        assert [one for one in loaded if not one.startswith(browser.address)] == []
    assert browser.driver.get_log("browser") == []


@pytest.mark.parametrize("path", ["/", "/dashboard", "/admin", "study"])
def test_what_is_printed_says_on_every_sheet_what_it_is_for(browser: Any, uploaded: Any, path: str) -> None:
    browser.log_in("ada")
    browser.go(uploaded.study if path == "study" else path)
    printed = PdfReader(io.BytesIO(base64.b64decode(browser.driver.print_page())))
    assert printed.pages
    for page in printed.pages:
        assert RESEARCH_NOTICE in " ".join(page.extract_text().split())
