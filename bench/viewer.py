"""`python -m bench.viewer`: the speed of the viewer in Chromium without a GPU, and the memory of its tab.

Fills a new store with studies of one film of 3,000 rows and 2,500 columns each, 16 bits a pixel, serves the page in a
thread, opens the studies one after the other in one tab, and writes the results into docs/viewer.md.

The decoder's time is that from the request of a film to the first byte of the answer, which comes when it is decoded.
Elapsed times grow with the load of the machine; processor time hardly does. It needs `chromium` and
`chromedriver`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver

from bench.chromium import PATIENCE_SECONDS, Memory, chromium, memory, processor_ms
from bench.page import machine, row_of
from bench.viewer_site import COLUMNS, ROWS, site
from koa_worker.config import Limits
from koa_worker.read.viewing.film import read_film
from koa_worker.values import Arrival

DRAGS = 25
PAGE = Path(__file__).parents[1] / "docs" / "viewer.md"

# Notes when the film of a pane was first painted: the canvas says how long each painting took.
WATCH = """
window.firstPicture = null;
new MutationObserver(() => {
  const shown = [...document.querySelectorAll('.pane:not([hidden]) .stage')];
  const isThere = (one) => one.dataset.shows === 'original' && one.querySelector('canvas')?.dataset.ms;
  if (window.firstPicture === null && shown.some(isThere))
    requestAnimationFrame(() => { window.firstPicture ??= performance.now(); });
}).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-ms', 'data-shows'] });
"""
FILM = """
const film = performance.getEntriesByType('resource').find((one) => one.name.endsWith('/film'));
return [film.requestStart, film.responseStart, film.responseEnd, window.firstPicture];
"""
PAINT_MS = "return Number(document.querySelector('.pane:not([hidden]) canvas').dataset.ms)"
# Simulates a drag or a turn of the wheel, and measures the time until the browser has drawn the next frame.
REDRAW = """
const [kind, step, done] = arguments;
const stage = document.querySelector('.pane:not([hidden]) .stage');
const frame = stage.getBoundingClientRect();
const [x, y] = [frame.x + frame.width / 2 + step, frame.y + frame.height / 2 + step];
const at = { bubbles: true, cancelable: true, clientX: x, clientY: y };
stage.focus();
const began = performance.now();
if (kind === 'zoom') stage.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY: step % 2 ? -60 : 60 }));
else {
  const press = { ...at, pointerId: 1, isPrimary: true, button: 2, buttons: 2 };
  stage.setPointerCapture = () => {}; stage.hasPointerCapture = () => true;
  stage.dispatchEvent(new PointerEvent('pointerdown', press));
  stage.dispatchEvent(new PointerEvent('pointermove', { ...press, clientX: x + 9, clientY: y + 7 }));
  stage.dispatchEvent(new PointerEvent('pointerup', press));
}
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """The times for one study, in milliseconds from the request of its film, and the memory after it."""

    decoder: float
    received: float
    picture: float
    processor: float  # of the tab, until the picture was there
    memory: Memory


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The medians of many redraws, in milliseconds."""

    frame: float  # from the movement of the pointer until the frame is drawn
    painting: float  # the pixels of one pane
    processor: float  # of the tab


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--studies", type=int, default=20)
    words.add_argument("--out", type=Path, default=PAGE)
    asked = words.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder), asked.studies) as (address, keys),
        chromium(Path(folder), WATCH) as driver,
    ):
        opened = [open_study(driver, f"{address}studies/{key}") for key in keys]
        redraws = {kind: redraw(driver, kind) for kind in ("window", "zoom")}
        decoding = decoding_ms(Path(folder) / "0.dcm")
    page = told(opened, redraws, decoding)
    asked.out.write_text(page, encoding="utf-8")
    print(page)


def open_study(driver: webdriver.Chrome, address: str) -> Opened:
    before = processor_ms(driver)
    driver.get(address)
    until = time.monotonic() + PATIENCE_SECONDS
    while driver.execute_script("return window.firstPicture") is None:
        assert time.monotonic() < until, "no picture"
        time.sleep(0.05)
    asked, answered, received, painted = driver.execute_script(FILM)
    spent = processor_ms(driver) - before
    return Opened(answered - asked, received - asked, painted - asked, spent, memory(driver))


def redraw(driver: webdriver.Chrome, kind: str) -> Redrawn:
    frames, paintings, spent = [], [], []
    for step in range(DRAGS):
        before = processor_ms(driver)
        frames.append(float(driver.execute_async_script(REDRAW, kind, step)))
        spent.append(processor_ms(driver) - before)
        paintings.append(float(driver.execute_script(PAINT_MS)))
    return Redrawn(*map(statistics.median, (frames, paintings, spent)))


def decoding_ms(path: Path) -> float:
    """The processor time of decoding one film, without the process around it."""
    arrival = Arrival(path, "", path.stat().st_size, path.name)
    spent = []
    for _ in range(5):
        before = time.process_time()
        read_film(arrival, Limits())
        spent.append(time.process_time() - before)
    return 1000 * statistics.median(spent)


def told(opened: list[Opened], redraws: dict[str, Redrawn], decoding: float) -> str:
    late = [one.picture - one.decoder for one in opened]
    rows: list[tuple[str, str]] = [
        ("decoder, from the request of a film to the first byte, ms", _median([one.decoder for one in opened])),
        ("the same to the last byte, ms", _median([one.received for one in opened])),
        ("first picture of the original, from the same request, ms", _median([one.picture for one in opened])),
        ("first picture after the decoder, ms (at most 500)", _median(late)),
        ("the slowest of them, ms", f"{max(late):.0f}"),
        ("processor time of decoding, ms", f"{decoding:.0f}"),
        (
            "processor time of the tab for a study, until its picture is there, ms",
            _median([one.processor for one in opened]),
        ),
    ]
    for kind, seen in redraws.items():
        name = {"window": "window and level", "zoom": "zoom"}[kind]
        rows += [
            (f"redraw while changing {name}: movement to frame, ms (at most 50)", f"{seen.frame:.1f}"),
            ("of it painting the pixels of a pane, ms", f"{seen.painting:.1f}"),
            ("processor time of the tab for it, ms", f"{seen.processor:.1f}"),
        ]
    for number in sorted({1, 5, 10, len(opened)}):
        if number <= len(opened):
            rows += _memory_rows(number, opened[number - 1].memory)
    facts = [f"- {name}: {what}" for name, what in machine().items()]
    lines = [
        "# The viewer, measured",
        "",
        f"Made by `python -m bench.viewer` in headless Chromium without a GPU: {len(opened)} studies of one film of",
        f"{ROWS} × {COLUMNS} pixels of 16 bits (uncompressed DICOM), opened one after the other in one tab. Medians.",
        "",
        *facts,
        "",
        row_of(("what", "value")),
        row_of(("---", "---:")),
        *map(row_of, rows),
        "",
    ]
    return "\n".join(lines)


def _memory_rows(number: int, taken: Memory) -> list[tuple[str, str]]:
    after = f"after {number} {'study' if number == 1 else 'studies'}, MB"
    return [
        (f"memory of the tab {after}", f"{taken.private:.0f}"),
        (f"with what it shares with the browser {after}", f"{taken.resident:.0f}"),
        (f"heap of its scripts {after}", f"{taken.script:.1f}"),
    ]


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.0f}"


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    main()
