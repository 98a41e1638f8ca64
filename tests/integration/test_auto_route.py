"""A PACS that forwards everything that it stores to the worker, also the worker's results: there is no loop."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from koa_worker import synthetic
from koa_worker.store import State, Store
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side
from tests.integration.conftest import PATIENT, Orthanc
from tests.integration.test_daemon import environment
from tests.make import free_ports, until

RULE = """
function OnStoredInstance(instanceId, tags, metadata, origin)
  if origin['RequestOrigin'] ~= 'Lua' then
    SendToModality(instanceId, 'koa')
  end
end
"""
SETTINGS = """
[study]
quiet_seconds = 0.0
[intake]
stable_seconds = 0.0
scan_seconds = 0.3
[limits]
min_free_mb = 0
[work]
workers = 1
[dicom.receiver]
enabled = true
host = "127.0.0.1"
port = {port}
callers = ["*@127.0.0.1"]
[dicom.results]
retry_seconds = 1.0
[[dicom.destinations]]
name = "pacs"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {pacs}
"""
_SECONDS_OF_REST = 20.0


@pytest.mark.timeout(500)
def test_one_radiograph_gives_one_of_each_result_and_the_queue_rests(orthanc: Orthanc, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    orthanc.knows("koa", "KOAWORKER", port)
    orthanc.runs(RULE)
    (tmp_path / "work/inbox").mkdir(parents=True)
    (tmp_path / "config.toml").write_text(SETTINGS.format(port=port, pacs=orthanc.port))
    film = tmp_path / "film.dcm"
    spec = synthetic.PlateSpec(1000, 1200, 0.3, (synthetic.KneeSpec(Side.RIGHT, centre=(0.4, 0.5)),), seed=3)
    write_dicom(film, synthetic.draw(spec), patient=PATIENT, study_uid="2.25.77")
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", "koa_worker", "run"], cwd=tmp_path, env=environment(), stderr=said
        ) as daemon,
    ):
        try:
            until(lambda: "ready" in (tmp_path / "said").read_text(), 240)
            with orthanc.running():
                orthanc.get("/instances", film.read_bytes())
                until(lambda: len(orthanc.get("/instances")) >= 4, 200)
                time.sleep(_SECONDS_OF_REST)  # in which a loop would go round several times
                held = Counter(tags["Modality"] for tags in orthanc.instances())
                study = orthanc.get("/studies")[0]
                whole = orthanc.get("/modalities/koa/store", study.encode())
        finally:
            daemon.terminate()
            daemon.wait(60)
    assert held == {"DX": 1, "SR": 1, "OT": 1, "PR": 1, "DOC": 1}
    assert (tmp_path / "said").read_text().count("own result ignored") >= 3
    assert int(whole["FailedInstancesCount"]) == 0
    with Store.open(f"sqlite:///{tmp_path}/work/koa.sqlite3") as store:
        counts = store.counts.status().counts
    assert counts[State.COMPLETED] == 1
    assert counts[State.REJECTED] == counts[State.FAILED] == 0
    assert [path for path in (tmp_path / "work/inbox").iterdir() if path.is_file()] == []
