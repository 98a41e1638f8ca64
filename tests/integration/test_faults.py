"""Each fault of tests/faults.py for real, as reported by status, exit codes, metrics, log, page, service manager and
alerts say of it: none is silent. `pytest -m slow -s` prints how long each took to be told.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from koa_worker.errors import CATALOGUE
from tests.fault_hosts import Hosts
from tests.fault_site import SECONDS, Site, mounted, sentence
from tests.faults import ALONE, ENDING, RUNNING, STARTING, Ending, Fault, Scene
from tests.make import until
from tests.postgres import Server

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="mounts and needs another account"),
    pytest.mark.timeout(600),
    pytest.mark.slow,
]


def scene_of(site: Site, server: Server | None = None, more: str = "") -> Iterator[Scene]:
    hosts = Hosts(site.folder, site.ports, server)
    site.configure(more)
    with hosts.listening(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(site.folder / "notify"))
        manager.setblocking(False)
        site.listens_to(manager)
        with site.running():
            yield Scene(site, hosts)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Scene]:
    with mounted(tmp_path_factory.mktemp("site") / "disk") as folder:
        site = Site(folder, postgres.database())
        yield from scene_of(site, postgres, Hosts.destinations(folder, site.ports))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with mounted(tmp_path_factory.mktemp("alone") / "disk") as folder:
        site = Site(folder)
        site.give_clock()
        yield from scene_of(site)


@pytest.mark.parametrize("fault", RUNNING, ids=lambda fault: fault.what)
def test_everybody_says_it_while_it_lasts(scene: Scene, fault: Fault) -> None:
    everybody_says(scene, fault)


@pytest.mark.parametrize("fault", ALONE, ids=lambda fault: fault.what)
def test_everybody_says_it_with_sqlite(alone: Scene, fault: Fault) -> None:
    everybody_says(alone, fault)


def everybody_says(scene: Scene, fault: Fault) -> None:
    """No output reports it before, all report it after, and none when it is over."""
    site, code, hosts = scene.site, fault.code, scene.hosts
    until(
        lambda: site.check()[0] == 0 and site.measured(code) == 0 and hosts.told_over(code), SECONDS
    )  # the daemon has noticed the last mend, too
    logged, alerted = site.logged(code), hosts.alerted(code)
    begun = time.monotonic()
    try:
        fault.make(scene)
        until(lambda: f"\n{code}: " in site.check()[1], SECONDS)
        by_status = time.monotonic() - begun
        until(lambda: site.measured(code) >= 1, SECONDS)
        by_metrics = time.monotonic() - begun
        exit_code, said = site.check()
        line = next(line for line in said.splitlines() if line.startswith(f"{code}: "))
        print(f"\n{by_status:.1f} s, {by_metrics:.1f} s: {line}")
        assert exit_code == 1
        assert sentence(code) in line
        assert fault.says in line
        assert site.alive() == 0
        assert code in {one["code"] for one in site.concerns()}
        assert sentence(code) in " ".join(site.status()[1].split())
        assert site.logged(code) > logged
        until(lambda: sentence(code) in site.heard(), SECONDS)
        page = site.page()
        assert sentence(code) in page or (code == "database" and CATALOGUE["store"].sentence in page)
        if code != "alert_failed":  # it is told in another way
            until(lambda: hosts.alerted(code) > alerted, SECONDS)
    finally:
        fault.mend(scene)
    until(lambda: site.check()[0] == 0, SECONDS)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with mounted(tmp_path / "disk") as folder:
        made = Site(folder)
        made.configure()
        yield made


def from_outside(site: Site, fault: Ending) -> None:
    """Reported only by the outputs that do not need the daemon."""
    begun = time.monotonic()
    until(lambda: f"\n{fault.code}: " in site.check()[1], SECONDS)
    exit_code, said = site.check()
    print(f"\n{time.monotonic() - begun:.1f} s: {said}")
    assert exit_code == 1
    assert sentence(fault.code) in said
    assert site.alive() == 1


@pytest.mark.parametrize("fault", ENDING, ids=lambda fault: fault.what)
def test_a_daemon_that_says_nothing_more_is_missed(site: Site, fault: Ending) -> None:
    model = _own_model(site)
    site.work.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(site.work)], check=True)
    try:
        with site.running() as daemon:
            match fault.what:
                case "The daemon was killed":
                    daemon.kill()
                case "The daemon's loop hangs":
                    daemon.send_signal(signal.SIGSTOP)
                case "The disk with all folders is unmounted":
                    subprocess.run(["umount", "--lazy", str(site.work)], check=True)
                    until(lambda: site.measured("inbox_gone") == 1, SECONDS)
                    assert sentence("inbox_gone") in site.page()
                    assert site.logged("inbox_gone") == 1
                case _:
                    (model / "member1.tflite").write_bytes(b"other")
                    (worker,) = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
                    os.kill(int(worker), signal.SIGKILL)
                    assert daemon.wait(SECONDS) == fault.exit_code
                    assert CATALOGUE["model_altered"].sentence.removesuffix(".") in site.log()
            from_outside(site, fault)
    finally:
        subprocess.run(["umount", "--lazy", str(site.work)], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("fault", STARTING, ids=lambda fault: fault.what)
def test_what_keeps_it_from_starting_is_one_sentence(site: Site, fault: Ending) -> None:
    with ExitStack() as stack:
        match fault.what.removeprefix("The port of the "):
            case "A key of the configuration is mistyped":
                site.configure("[limit]\nmin_free_mb = 5\n")
                _does_not_start(site, fault)
                return  # nothing can be asked of settings that cannot be read
            case "A file of the model is damaged":
                (_own_model(site) / "member1.tflite").write_bytes(b"other")
            case "Another daemon uses the work folder":
                with site.running():
                    _does_not_start(site, fault)
                    return
            case "The database does not answer at the start":
                site.url = f"postgresql+psycopg://koa@127.0.0.1:{site.ports['nobody']}/koa"
                site.configure()
            case "receiver is taken" | "page is taken" | "metrics is taken" as taken:
                line = stack.enter_context(socket.socket())
                line.bind(("0.0.0.0", site.ports[taken.split()[0]]))
                line.listen()
        _does_not_start(site, fault)
    from_outside(site, Ending(fault.what, "not_running"))


def _own_model(site: Site) -> Path:
    """A copy of the release that may be changed."""
    (release,) = (ROOT / "models").iterdir()
    model = Path(shutil.copytree(release, site.folder / "model"))
    site.configure('[model]\npath = "model"\n')
    return model


def _does_not_start(site: Site, fault: Ending) -> None:
    started = site.start()
    assert started.returncode == fault.exit_code, started.stderr
    told = started.stderr.splitlines()[-1]
    assert told.startswith("koa-worker: ")
    assert CATALOGUE[fault.code].sentence.removesuffix(".") in told
    assert "Traceback" not in started.stderr
    print(f"\n{told}")
