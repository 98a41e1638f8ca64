"""`python -m bench.viewer`: the speed of the viewer in Chromium without a GPU, and the memory of its tab.

Fills a new store with studies of one film of 3,000 rows and 2,500 columns each, 16 bits a pixel, serves the page in a
thread, opens the studies one after the other in one tab, and writes the results into docs/viewer.md.

The decoder's time is that from the request of a film to the first byte of the answer, which comes when it is decoded.
Times on the clock grow with whatever else the machine does; processor time does not. It needs `chromium` and
`chromedriver`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from bench.page import machine, row_of
from koa_worker.config import Config, Limits
from koa_worker.intake import prepare_folders
from koa_worker.read.viewing.film import read_film
from koa_worker.store import Store, encode
from koa_worker.synthetic.draw import draw
from koa_worker.synthetic.spec import PlateSpec, random_knee
from koa_worker.synthetic.truth import Plate
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    Grade,
    GradedKnee,
    Heatmap,
    KneeRoi,
    Patient,
    Radiograph,
    Side,
    Spacing,
    SpacingSource,
    Study,
)
from koa_worker.web.serving.serve import serving

ROWS, COLUMNS, SPACING_MM = 3000, 2500, 0.143
PATIENCE_SECONDS = 300.0
DRAGS = 25
DAY = datetime(2024, 2, 29, tzinfo=UTC)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--window-size=1440,900",
)
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
# What a drag or a turn of the wheel does, and how long the browser takes until the next frame has been drawn.
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
    memory_mb: float


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
        chromium(Path(folder)) as driver,
    ):
        opened = [open_study(driver, f"{address}studies/{key}") for key in keys]
        redraws = {kind: redraw(driver, kind) for kind in ("window", "zoom")}
        decoding = decoding_ms(Path(folder) / "0.dcm")
    page = told(opened, redraws, decoding)
    asked.out.write_text(page, encoding="utf-8")
    print(page)


@contextmanager
def site(folder: Path, studies: int) -> Iterator[tuple[str, list[str]]]:
    """The address of a page with these studies, and their keys. It has no users, because only this machine uses it."""
    settings = Config.model_validate({"web": {"port": 0}, "limits": {"min_free_mb": 0}}).below(folder)
    prepare_folders(settings.folders)
    plate = drawn()
    with Store.open(settings.store.url) as store:
        keys = [put_study(store, folder, plate, number) for number in range(studies)]
    with serving(settings) as address:
        yield address, keys


def drawn() -> Plate:
    rng = np.random.default_rng(5)
    knees = [
        random_knee(rng, side, severity=severity, centre=(0.5 + where, 0.5))
        for side, severity, where in ((Side.RIGHT, 1.0, -0.24), (Side.LEFT, 3.0, 0.24))
    ]
    return draw(PlateSpec(ROWS, COLUMNS, SPACING_MM, tuple(knees), seed=5, beads=True))


def put_study(store: Store, folder: Path, plate: Plate, number: int) -> str:
    """Keeps a study with one film, as the daemon would; gives its key."""
    path = folder / f"{number}.dcm"
    uid = f"1.2.826.0.1.3680043.8.498.{number + 1}"
    write_dicom(
        path, plate, patient=Person(f"Synthetic^{number:02}", f"SYN-{number:04}", "19600101", "F"), study_uid=uid
    )
    arrival = Arrival(path, sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.name)
    study = Study(uid, f"{uid}.1", description="Knees standing", date=DAY, modality="DX", view="PA")
    pixels = np.ascontiguousarray(plate.pixels, np.uint16)
    patient = Patient(f"Synthetic {number:02}", f"SYN-{number:04}")
    spacing = Spacing(SPACING_MM, SPACING_MM, SpacingSource.CALIBRATED)
    radiograph = Radiograph(pixels, "DICOM", study, patient, spacing, details={})
    places = ((Side.RIGHT, 275, number % 5), (Side.LEFT, 1475, (number + 2) % 5))
    knees = tuple(graded(side, Box(x, 1125, 750, 750), kl) for side, x, kl in places)
    store.files.add_arrival(arrival, datetime.now(UTC) - timedelta(minutes=number))
    store.files.start(arrival.id, "bench")
    result = encode(Completed(arrival, radiograph, knees, {}))
    key = store.files.complete(arrival.id, result, "d" * 64, "1.0", str(path)).study_key
    assert key
    return key


def graded(side: Side, box: Box, kl: int) -> GradedKnee:
    chance = np.random.default_rng(kl)
    p0, p1, p2, p3, p4 = (0.6 if one == kl else 0.1 for one in range(5))
    grade = Grade(kl, (p0, p1, p2, p3, p4), 0.6, p2 + p3 + p4, 1.0, (), "net-v1")
    heat = Heatmap(chance.random((7, 7), np.float32), kl)
    return GradedKnee(KneeRoi(box, side), chance.integers(0, 256, (224, 224), np.uint8), grade, heat)


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    driver.set_script_timeout(PATIENCE_SECONDS)
    driver.execute_cdp_cmd("Performance.enable", {})
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    try:
        yield driver
    finally:
        driver.quit()


def open_study(driver: webdriver.Chrome, address: str) -> Opened:
    before = processor_ms(driver)
    driver.get(address)
    until = time.monotonic() + PATIENCE_SECONDS
    while driver.execute_script("return window.firstPicture") is None:
        assert time.monotonic() < until, "no picture"
        time.sleep(0.05)
    asked, answered, received, painted = driver.execute_script(FILM)
    spent = processor_ms(driver) - before
    return Opened(answered - asked, received - asked, painted - asked, spent, tab_memory(driver))


def redraw(driver: webdriver.Chrome, kind: str) -> Redrawn:
    frames, paintings, spent = [], [], []
    for step in range(DRAGS):
        before = processor_ms(driver)
        frames.append(float(driver.execute_async_script(REDRAW, kind, step)))
        spent.append(processor_ms(driver) - before)
        paintings.append(float(driver.execute_script(PAINT_MS)))
    return Redrawn(*map(statistics.median, (frames, paintings, spent)))


def processor_ms(driver: webdriver.Chrome) -> float:
    """The processor time of the process that shows the tab."""
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1000 * float(next(one["value"] for one in found if one["name"] == "ProcessTime"))


def decoding_ms(path: Path) -> float:
    """The processor time of decoding one film, without the process around it."""
    arrival = Arrival(path, "", path.stat().st_size, path.name)
    spent = []
    for _ in range(5):
        before = time.process_time()
        read_film(arrival, Limits())
        spent.append(time.process_time() - before)
    return 1000 * statistics.median(spent)


def tab_memory(driver: webdriver.Chrome) -> float:
    """The private memory of the process that shows the tab, in MB."""
    browser = int(driver.service.process.pid)
    sizes = [memory for pid, words, memory in processes() if "--type=renderer" in words and browser in ancestors(pid)]
    return max(sizes, default=0.0)


def processes() -> Iterator[tuple[int, str, float]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().replace("\0", " ")
            sizes = re.findall(r"^Private_\w+: +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue
        yield int(folder.name), words, sum(map(int, sizes)) / 1000


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


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
    rows += [
        (
            f"memory of the tab after {number} {'study' if number == 1 else 'studies'}, MB",
            f"{opened[number - 1].memory_mb:.0f}",
        )
        for number in sorted({1, 5, 10, len(opened)})
        if number <= len(opened)
    ]
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


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.0f}"


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    main()
