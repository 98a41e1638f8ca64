"""The viewer of a study: its films at full size, with the real pipeline and the real decoder behind them."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

PATIENCE = 60.0
SHOWN = "return [...document.querySelectorAll('.pane:not([hidden]) .stage')].every((one) => one.dataset.shows)"


@pytest.fixture
def viewer(browser: Any, uploaded: Any) -> Any:
    """The page of a study with two knees in one film, which is there."""
    browser.log_in("anna")
    browser.run("localStorage.clear()")
    browser.go(uploaded.study)
    until = time.monotonic() + PATIENCE
    while not browser.run(SHOWN):
        assert time.monotonic() < until
        time.sleep(0.1)
    return browser


def panes(viewer: Any) -> list[Any]:
    return [pane for pane in viewer.all(".pane") if pane.is_displayed()]


def stage(viewer: Any, number: int = 0) -> Any:
    return panes(viewer)[number].find_element("css selector", ".stage")


def scale(viewer: Any, number: int = 0) -> int:
    said = re.search(r"(\d+) %", panes(viewer)[number].find_element("css selector", ".state").text)
    assert said
    return int(said[1])


def gray(viewer: Any, across: float = 0.5, down: float = 0.3) -> int:
    """Of the first pane, there."""
    script = """const canvas = document.querySelector('.pane:not([hidden]) canvas');
        const brush = canvas.getContext('2d');
        return brush.getImageData(arguments[0] * canvas.width, arguments[1] * canvas.height, 1, 1).data[0];"""
    time.sleep(0.1)  # until the next frame is drawn
    return int(viewer.run(script, across, down))


def view(viewer: Any, number: int = 0) -> list[float]:
    """What of the film the pane shows: its left, its top, its width, its height."""
    time.sleep(0.1)
    marks = panes(viewer)[number].find_element("css selector", ".marks")
    return [float(part) for part in viewer.run("return arguments[0].getAttribute('viewBox')", marks).split()]


def key(viewer: Any, *keys: str) -> None:
    ActionChains(viewer.driver).send_keys(*keys).perform()


def drag(viewer: Any, across: int, down: int, *, start: tuple[int, int] = (0, 0)) -> None:
    ActionChains(viewer.driver).move_to_element_with_offset(stage(viewer), *start).click_and_hold().move_by_offset(
        across, down
    ).release().perform()


def test_both_knees_hang_side_by_side_at_full_size_the_right_one_on_the_left(viewer: Any) -> None:
    names = [pane.find_element("css selector", ".name").text for pane in panes(viewer)]
    assert names == ["Right knee", "Left knee"]
    assert [stage(viewer, number).get_attribute("data-shows") for number in (0, 1)] == ["original", "original"]
    assert "2100 × 1800 · 16 bits" in panes(viewer)[0].text
    assert [edge.text for edge in panes(viewer)[0].find_elements("css selector", ".edge")] == ["R", "L"]
    key(viewer, "l")
    assert len(panes(viewer)) == 1
    assert view(viewer)[2] >= 2100 or view(viewer)[3] >= 1800


def test_the_wheel_zooms_at_the_pointer_and_f_fits_again(viewer: Any) -> None:
    before, fitted = view(viewer), scale(viewer)
    stage(viewer).click()
    frame = stage(viewer).rect
    where = (frame["width"] // 4, -frame["height"] // 4)
    under = (before[0] + 0.75 * before[2], before[1] + 0.25 * before[3])
    ActionChains(viewer.driver).move_to_element_with_offset(stage(viewer), *where).perform()
    viewer.driver.execute_cdp_cmd(
        "Input.dispatchMouseEvent",
        {"type": "mouseWheel", "x": frame["x"] + frame["width"] * 0.75, "y": frame["y"] + frame["height"] * 0.25,
         "deltaX": 0, "deltaY": -600},
    )  # fmt: skip
    after = view(viewer)
    assert scale(viewer) > fitted
    assert (after[0] + 0.75 * after[2], after[1] + 0.25 * after[3]) == pytest.approx(under, abs=4)
    assert scale(viewer, 1) == fitted or scale(viewer, 1) != scale(viewer)
    key(viewer, "f")
    assert view(viewer) == pytest.approx(before, abs=1)
    key(viewer, "x")
    assert scale(viewer) == 100


def test_linked_panes_move_together(viewer: Any) -> None:
    stage(viewer).click()
    other = view(viewer, 1)
    key(viewer, "+")
    assert view(viewer, 1) == other
    key(viewer, "f", "g", "+", "+")
    assert view(viewer, 1)[2] < other[2]
    moved = view(viewer, 1)
    drag(viewer, 40, 0)
    assert view(viewer, 1)[0] < moved[0]


def test_window_and_level_are_dragged_and_reset(viewer: Any) -> None:
    before = gray(viewer)
    key(viewer, "w")
    drag(viewer, 0, 120)
    assert gray(viewer) < before
    assert "level 50" not in viewer.one(".grays").text
    key(viewer, Keys.ESCAPE)
    assert gray(viewer) == before
    key(viewer, "i")
    assert gray(viewer) == 255 - before
    key(viewer, "i", "p")
    assert viewer.one("[data-preset]").get_attribute("value") == "auto"


def test_a_length_is_measured_in_millimetres_and_an_angle_in_degrees(viewer: Any) -> None:
    key(viewer, "r")
    drag(viewer, 100, 0)
    shown = viewer.one(".pane:not([hidden]) .measures text").text
    millimetres = 100 * view(viewer)[2] / stage(viewer).rect["width"] * 0.19
    assert shown.endswith(" mm")
    assert float(shown.removesuffix(" mm")) == pytest.approx(millimetres, rel=0.02)
    key(viewer, Keys.BACKSPACE)
    assert not viewer.all(".measures text")
    key(viewer, "a")
    drag(viewer, 0, 100, start=(0, -50))
    drag(viewer, 100, 0, start=(0, 50))
    assert viewer.one(".pane:not([hidden]) .measures text").text == "90.0°"


def test_marks_keep_their_size_and_h_hides_them_all(viewer: Any) -> None:
    def height() -> float:
        script = "return document.querySelector('.pane:not([hidden]) .boxes text').getBoundingClientRect().height"
        time.sleep(0.1)
        return float(viewer.run(script))

    before = height()
    key(viewer, "+", "+", "+")
    assert height() == pytest.approx(before, rel=0.2)
    assert not viewer.one(".pane:not([hidden]) .heat").is_displayed()
    key(viewer, "t", "n")
    kinds = (".boxes rect", ".heat", ".edge")
    assert all(viewer.one(f".pane:not([hidden]) {kind}").is_displayed() for kind in kinds)
    colours = {
        viewer.one(f".pane:not([hidden]) {kind}").value_of_css_property("stroke")
        for kind in (".margins polyline", ".boxes rect")
    }
    assert len(colours) == 2
    key(viewer, "h")
    assert not any(viewer.one(f".pane:not([hidden]) {kind}").is_displayed() for kind in kinds)
    key(viewer, "h")
    assert all(viewer.one(f".pane:not([hidden]) {kind}").is_displayed() for kind in kinds)


def test_z_fills_the_screen_and_leaves_it_again(viewer: Any) -> None:
    def full() -> bool:
        return bool(viewer.run("return document.fullscreenElement?.matches('[data-viewer]') ?? false"))

    before = stage(viewer).rect["height"]
    stage(viewer).click()
    key(viewer, "z")
    viewer.until(full, "the full screen")
    viewer.until(lambda: stage(viewer).rect["height"] > before, "larger films")
    assert viewer.one(".bar").is_displayed()
    key(viewer, "z")
    viewer.until(lambda: not full(), "the page")


def test_a_film_keeps_its_shape_on_paper(viewer: Any) -> None:
    def shape() -> float:
        frame = stage(viewer).rect
        return float(frame["width"] / frame["height"])

    on_screen = shape()
    viewer.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert shape() == pytest.approx(on_screen, rel=0.02)
    finally:
        viewer.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_keys_write_where_one_writes(viewer: Any) -> None:
    field = viewer.one(".reading textarea")
    field.send_keys("film")
    assert field.get_attribute("value") == "film"
    assert viewer.one("[data-does=invert]").get_attribute("aria-pressed") == "false"


def test_a_redraw_takes_no_longer_than_a_frame_that_nobody_sees(viewer: Any) -> None:
    key(viewer, "w")
    script = "return Number(document.querySelector('.pane:not([hidden]) canvas').dataset.ms)"
    times = []
    for _ in range(15):
        drag(viewer, 3, 3)
        times.append(float(viewer.run(script)))
    assert sorted(times)[7] < 50 * 4  # the tests' machine does other things as well
