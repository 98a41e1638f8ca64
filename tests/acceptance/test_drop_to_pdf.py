"""From a file in the inbox to a PDF: the demo through the real daemon, as the README promises it."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader

from koa_worker import RESEARCH_NOTICE
from koa_worker.synthetic.demo import demo_set
from tests.acceptance.conftest import Site, make_site

# What the demo's invented patients are called, and their ids, birth dates and file names.
SECRETS = re.compile(
    r"Примеров|Образец|Mihon|Hanako|見本|花子|Δείγμα|Ελένη|SYN-010|19580314|1958-03-14|19630722|1963-07-22"
    r"|19551102|1955-11-02|unilateral|bilateral|not-a-radiograph|crop\.png"
)


@pytest.fixture(scope="module")
def drained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, subprocess.CompletedProcess[str]]:
    site = make_site(tmp_path_factory.mktemp("site"))
    demo_set(site.inbox, seed=7)
    return site, site.command("run", "--once")


def text_of(report: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(report).pages)


def test_every_file_ends_in_one_place(drained: tuple[Site, subprocess.CompletedProcess[str]]) -> None:
    site, run = drained
    assert run.returncode == 1  # one of them is not a radiograph
    assert site.files("work/inbox") == []
    assert [path.name for path in site.files("work/claimed")] == [".lock"]
    assert len(site.files("work/done")) == 5
    assert [path.suffix for path in site.files("work/rejected")] == [".dcm", ".txt"]
    status = json.loads(site.command("status", "--json").stdout)
    assert (status["completed"], status["rejected"], status["in_inbox"]) == (5, {"unknown_format": 1}, 0)


def test_each_study_has_its_report(drained: tuple[Site, subprocess.CompletedProcess[str]]) -> None:
    site, _ = drained
    reports = site.files("reports", "*.pdf")
    texts = [text_of(report) for report in reports]
    assert len(reports) == 4  # two of the five images are of one study
    for report, text in zip(reports, texts, strict=True):
        assert RESEARCH_NOTICE in text
        assert "Page 1 of" in text
        assert report.stat().st_size < 1_000_000
    together = "\n".join(texts)
    for name in ("Примеров", "見本", "花子", "Δείγμα"):
        assert name in together


def test_pdftotext_reads_the_names_too(
    drained: tuple[Site, subprocess.CompletedProcess[str]], peer: Callable[[str], str]
) -> None:
    site, _ = drained
    program = peer("pdftotext")
    texts = [
        subprocess.run([program, report, "-"], capture_output=True, text=True, check=True).stdout
        for report in site.files("reports", "*.pdf")
    ]
    assert any("Примеров" in text for text in texts)
    assert any("見本" in text for text in texts)


def test_the_export_has_a_row_for_each_knee(drained: tuple[Site, subprocess.CompletedProcess[str]]) -> None:
    site, _ = drained
    rows = [json.loads(line) for line in site.command("export", "--format", "json").stdout.splitlines()]
    assert len(rows) == 7
    assert sum(rows[0][f"p{grade}"] for grade in range(5)) == pytest.approx(1.0)
    assert len(site.command("export", "--format", "csv").stdout.splitlines()) == 8


def test_no_log_path_or_status_names_a_patient_or_a_file(
    drained: tuple[Site, subprocess.CompletedProcess[str]],
) -> None:
    site, run = drained
    paths = "\n".join(str(path.relative_to(site.folder)) for path in site.folder.rglob("*"))
    said = [run.stdout, run.stderr, paths, site.command("status").stdout, site.command("export").stdout]
    said += [path.read_text() for path in site.files("work/rejected", "*.txt")]
    assert "completed" in run.stderr
    for text in said:
        assert not SECRETS.search(text), text


def test_what_holds_patient_data_is_private(drained: tuple[Site, subprocess.CompletedProcess[str]]) -> None:
    site, _ = drained
    for folder in ("work/done", "work/rejected", "reports"):
        for path in [site.folder / folder, *(site.folder / folder).rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (site.folder / "work/koa.sqlite3").stat().st_mode & 0o077 == 0


def test_the_daemon_takes_what_comes_and_stops_when_asked(site: Site) -> None:
    with subprocess.Popen(
        site.words("run"), cwd=site.folder, env=site.environment, stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stderr is not None
        assert "ready" in daemon.stderr.readline()
        assert "6 synthetic files" in site.command("demo").stdout
        give_up = time.monotonic() + 120
        while len(site.files("work/done")) + len(site.files("work/rejected", "*.dcm")) < 6:
            assert time.monotonic() < give_up
            assert daemon.poll() is None
            time.sleep(0.2)
        second = site.command("run")
        assert second.returncode == 2
        assert "another worker" in second.stderr
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


def test_another_image_of_a_study_makes_a_new_revision(site: Site, tmp_path: Path) -> None:
    files = {path.name.split("-", 2)[2]: path for path in demo_set(tmp_path, seed=3)}
    for name, revision in (("unilateral-right.dcm", 1), ("unilateral-left.dcm", 2)):
        files[name].rename(site.inbox / name)
        assert site.command("run", "--once").returncode == 0
        (report,) = site.files("reports", "*.pdf")
        assert f"revision {revision}" in text_of(report)
    assert {"Right", "Left"} <= set(re.findall(r"Right|Left", text_of(report)))
