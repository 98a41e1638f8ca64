"""A headless Chromium, and the processor time and memory of its tab's process."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PATIENCE_SECONDS = 300.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--window-size=1440,900",
)


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of the process that shows a tab, in MB."""

    private: float
    resident: float  # including memory shared with other processes of the browser
    script: float  # the heap of the page's scripts; pixels lie outside of it


@contextmanager
def chromium(folder: Path, on_each_page: str) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    driver.set_script_timeout(PATIENCE_SECONDS)
    driver.execute_cdp_cmd("Performance.enable", {})
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": on_each_page})
    try:
        yield driver
    finally:
        driver.quit()


def processor_ms(driver: webdriver.Chrome) -> float:
    """The processor time of the process that shows the tab."""
    return 1000 * _metric(driver, "ProcessTime")


def memory(driver: webdriver.Chrome) -> Memory:
    """The memory of the largest tab, which is the visible one."""
    browser = int(driver.service.process.pid)
    sizes = [size for pid, words, *size in processes() if "--type=renderer" in words and browser in ancestors(pid)]
    private, resident = max(sizes, default=[0.0, 0.0])
    return Memory(private, resident, _metric(driver, "JSHeapUsedSize") / 1e6)


def _metric(driver: webdriver.Chrome, name: str) -> float:
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in found if one["name"] == name))


def processes() -> Iterator[tuple[int, str, float, float]]:
    """Each process with its command line, its private and its resident memory in MB."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().replace("\0", " ")
            rollup = (folder / "smaps_rollup").read_text()
        except OSError:
            continue
        private, resident = (
            sum(map(int, re.findall(rf"^{kind}: +(\d+) kB", rollup, re.MULTILINE))) / 1000
            for kind in (r"Private_\w+", "Rss")
        )
        yield int(folder.name), words, private, resident


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        found.append(pid)
    return found
