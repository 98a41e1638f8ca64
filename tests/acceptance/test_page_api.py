"""The daemon with its page: what a script uploads becomes a result and a report that it can fetch."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pydicom
import pytest
from pypdf import PdfReader

from koa_worker import RESEARCH_NOTICE
from tests.acceptance.conftest import Site
from tests.make import until

UPLOADS = "/api/v1/uploads"


class Script:
    """Asks as a script does, with a token."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._headers = port, {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> dict[str, Any]:
        status, body = self.ask("GET", path)
        assert status == 200, body
        return dict(json.loads(body))

    def upload(self, content: bytes, name: str) -> dict[str, Any]:
        status, body = self.ask("POST", UPLOADS, content, **{"Content-Disposition": f'attachment; filename="{name}"'})
        assert status == 202, body
        return self.settled(dict(json.loads(body)))

    def settled(self, said: dict[str, Any]) -> dict[str, Any]:
        give_up = time.monotonic() + 200
        while said["state"] in {"waiting", "working"} and time.monotonic() < give_up:
            time.sleep(0.3)
            said = self.get(said["url"])
        return said


@pytest.fixture
def script(site: Site) -> Iterator[Script]:
    with (site.folder / "config.toml").open("a") as settings:
        settings.write("[web]\nenabled = true\nport = 0\n[work]\nworkers = 1\n")
    words = site.words("user", "add", "anna")
    made = subprocess.run(words, cwd=site.folder, env=site.environment, input="correct horse\n", text=True, check=False)
    assert made.returncode == 0
    token = site.command("user", "token", "anna").stdout.strip()
    log = site.folder / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(site.words("run"), cwd=site.folder, env=site.environment, stderr=stderr) as daemon,
    ):
        try:
            yield Script(port_of(log, daemon), token)
        finally:
            daemon.terminate()
            assert daemon.wait(120) == 0
    assert "Traceback" not in log.read_text()
    assert "Ivanova" not in log.read_text()


def port_of(log: Any, daemon: subprocess.Popen[bytes]) -> int:
    give_up = time.monotonic() + 120
    while "ready" not in (text := log.read_text()):
        assert daemon.poll() is None, text
        assert time.monotonic() < give_up, text
        time.sleep(0.2)
    return int(text.partition("address=http://127.0.0.1:")[2].partition("/")[0])


@pytest.mark.timeout(600)  # a daemon starts, loads its nets and stops
def test_a_script_uploads_and_fetches(site: Site, script: Script) -> None:
    site.command("demo", "--into", "films", "--seed", "2")
    film = next(path for path in site.files("films") if path.name.endswith("-bilateral.dcm"))
    done = script.upload(film.read_bytes(), "Ivanova.dcm")
    assert (done["state"], done["is_duplicate"], done["name"]) == ("completed", False, "Ivanova.dcm")
    study = script.get(f"/api/v1/studies/{done['study']}")
    (image,) = study["images"]
    assert [knee["side"] for knee in image["knees"]] == ["right", "left"]
    assert script.ask("GET", image["knees"][0]["heatmap_url"])[1].startswith(b"\x89PNG")
    wait_for_report(script, study)
    _, report = script.ask("GET", study["report_url"])
    assert RESEARCH_NOTICE in PdfReader(io.BytesIO(report)).pages[0].extract_text()
    status, packed = script.ask("GET", study["dicom_url"])
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        kinds = {pydicom.dcmread(io.BytesIO(archive.read(name))).Modality for name in archive.namelist()}
    assert kinds == {"SR", "OT", "PR", "DOC"}
    again = script.upload(film.read_bytes(), "copy.dcm")
    assert (again["state"], again["is_duplicate"], again["study"]) == ("completed", True, done["study"])
    page = script.upload(b"<html><script>alert(1)</script>", "page.html")
    assert (page["state"], page["error"]["code"]) == ("rejected", "unknown_format")
    assert page["error"]["remedy"]
    results = script.get("/api/v1/results")["results"]
    assert sorted(one["state"] for one in results) == ["completed", "completed", "duplicate", "rejected"]
    named = site.command("user", "audit", "--format", "json", "--who", "anna").stdout
    assert {"upload", "study", "report", "results"} <= {json.loads(line)["action"] for line in named.splitlines()}


def wait_for_report(script: Script, study: dict[str, Any]) -> None:
    until(lambda: {script.ask("GET", study[name])[0] for name in ("report_url", "dicom_url")} == {200}, pause=0.5)
