"""The full circle: Orthanc sends a radiograph to the running daemon, and has the results in the same study after."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from koa_worker.synthetic.demo import demo_set
from tests.acceptance.conftest import Site
from tests.integration.conftest import Orthanc
from tests.make import free_port, until


def test_orthanc_to_the_daemon_and_back(site: Site, peer: Callable[[str], str], tmp_path: Path) -> None:
    orthanc = Orthanc(peer("Orthanc"), tmp_path / "orthanc")
    port = free_port()
    orthanc.knows("koa", "KOAWORKER", port)
    with (site.folder / "config.toml").open("a", encoding="utf-8") as stream:
        stream.write(
            f"[dicom.receiver]\nenabled = true\nport = {port}\ncallers = ['ORTHANC@127.0.0.1']\n"
            "[dicom.results]\nretry_seconds = 0.2\n"
            f"[[dicom.destinations]]\nname = 'pacs'\nae_title = 'ORTHANC'\nhost = '127.0.0.1'\nport = {orthanc.port}\n"
        )
    demo = tmp_path / "demo"
    demo.mkdir()
    source = next(path for path in demo_set(demo, seed=7) if path.name.endswith("unilateral-right.dcm"))
    with orthanc.running():
        added = orthanc.get("/instances", source.read_bytes())
        with subprocess.Popen(
            site.words("run"), cwd=site.folder, env=site.environment, stderr=subprocess.PIPE, text=True
        ) as daemon:
            assert daemon.stderr is not None
            lines = iter(daemon.stderr.readline, "")
            assert any("ready" in line for line in lines)
            orthanc.get("/modalities/koa/store", added["ID"].encode())
            until(lambda: len(orthanc.get("/instances")) == 4, 150)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0
            said = daemon.stderr.read()
        (study,) = [orthanc.get(f"/studies/{name}") for name in orthanc.get("/studies")]
        modalities = sorted(orthanc.get(f"/series/{name}")["MainDicomTags"]["Modality"] for name in study["Series"])
    assert modalities == ["DOC", "DX", "OT", "PR", "SR"]
    assert "sent" in said
    for secret in ("Mihon", "見本", "SYN-0102", "19630722"):
        assert secret not in said
    assert site.command("send").returncode == 0
