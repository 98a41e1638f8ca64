"""Two daemons on hosts of their own share one inbox and one PostgreSQL, which goes away in the middle.

The hosts are network namespaces with addresses of their own where they can be made, else two processes on this machine;
the test's property `hosts` says which.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from koa_worker import synthetic
from koa_worker.store import State, Store
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side
from tests.acceptance.conftest import ROOT
from tests.integration.conftest import PATIENT, SECRETS
from tests.make import until
from tests.postgres import PASSWORD, Server

_FILES = 16
_NET = "10.213.77"  # of the bridge between the hosts


@dataclass(frozen=True)
class Host:
    """Where a daemon runs."""

    prefix: tuple[str, ...]
    address: str
    server: str  # the address of the database as seen from there


def ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Namespaces on a bridge; without the right to make them, this machine twice."""
    own = str(os.getpid())
    bridge, names = f"koa{own}", (f"koa{own}a", f"koa{own}b")
    with ExitStack() as undo:
        if not (ip("netns", "add", names[0]) and ip("link", "add", bridge, "type", "bridge")):
            ip("netns", "delete", names[0])
            here = Host((), "127.0.0.1", "127.0.0.1")
            yield here, here
            return
        undo.callback(ip, "netns", "delete", names[0])
        undo.callback(ip, "link", "delete", bridge)
        assert ip("netns", "add", names[1])
        undo.callback(ip, "netns", "delete", names[1])
        assert ip("address", "add", f"{_NET}.1/24", "dev", bridge)
        assert ip("link", "set", bridge, "up")
        for number, name in enumerate(names, start=2):
            inner, outer = f"i{number}-{own}", f"o{number}-{own}"
            assert ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
            assert ip("link", "set", outer, "master", bridge, "up")
            assert ip("-n", name, "address", "add", f"{_NET}.{number}/24", "dev", inner)
            assert ip("-n", name, "link", "set", inner, "up")
            assert ip("-n", name, "link", "set", "lo", "up")
        one, two = (
            Host(("ip", "netns", "exec", name), f"{_NET}.{number}", f"{_NET}.1") for number, name in enumerate(names, 2)
        )
        yield one, two


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    spec = synthetic.PlateSpec(500, 600, 0.5, (synthetic.KneeSpec(Side.RIGHT, centre=(0.26, 0.5)),), seed=3)
    plate = synthetic.draw(spec)
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(_FILES):
        pixels = plate.pixels.copy()
        pixels[0, 0] = number
        other = dataclasses.replace(plate, pixels=pixels)
        write_dicom(folder / f"{number}.dcm", other, patient=PATIENT, study_uid=f"2.25.{1000 + number}")
    return folder


@contextmanager
def daemon(folder: Path, name: str, url: str, host: Host) -> Iterator[Callable[[], str]]:
    """Until it is asked to stop; gives what it has logged so far."""
    shared = "".join(f"{kind} = '{folder / kind}'\n" for kind in ("inbox", "done", "rejected", "failed", "reports"))
    (folder / f"{name}.toml").write_text(
        f"[folders]\n{shared}work = '{folder / name}'\n[store]\nurl = '{url}'\n[work]\nworkers = 1\n"
        "[study]\nquiet_seconds = 0.0\n[intake]\nstable_seconds = 0.0\nscan_seconds = 0.3\n[limits]\nmin_free_mb = 0\n"
    )
    words = [*host.prefix, sys.executable, "-m", "koa_worker", "run", "--config", str(folder / f"{name}.toml")]
    log = folder / f"{name}.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    with log.open("w") as stream, subprocess.Popen(words, stderr=stream, env=environment) as process:
        try:
            yield log.read_text
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0, log.read_text()
        finally:
            process.kill()


@pytest.mark.timeout(900)
def test_no_file_is_graded_twice_and_none_is_lost_while_the_database_is_away(
    postgres: Server, tmp_path: Path, inbox: Path, record_property: Callable[[str, object], None]
) -> None:
    name = postgres.database().rpartition("/")[2]
    with ExitStack() as running:
        hosts = running.enter_context(two_hosts())
        record_property("hosts", "network namespaces" if hosts[0].prefix else "two processes")
        logs = [
            running.enter_context(daemon(tmp_path, own, postgres.url(name, host.server), host))
            for own, host in zip(("one", "two"), hosts, strict=True)
        ]
        until(lambda: all("ready" in said() for said in logs), 300)
        store = running.enter_context(Store.open(postgres.url(name)))
        until(lambda: store.counts.status().counts[State.COMPLETED] >= 3, 300)
        assert clients(postgres) == {host.address for host in hosts}

        postgres.stop()
        time.sleep(3)
        postgres.start()
        until(lambda: store.counts.status().counts[State.COMPLETED] == _FILES, 400)
        until(lambda: len(list((tmp_path / "done").rglob("*.dcm"))) == _FILES, 100)
        until(lambda: not store.reports.due(), 100)

        graded = Counter(row.image["sha256"] for row in store.export.rows(superseded=True))
        assert len(graded) == _FILES
        assert sum(store.counts.status().counts.values()) == _FILES
        workers = Counter()
        for file_id in {row.image["file_id"] for row in store.export.rows()}:
            kinds = Counter(event.kind for event in store.files.events(file_id))
            assert (kinds["arrived"], kinds["started"], kinds["completed"]) == (1, 1, 1)
            workers.update(event.detail for event in store.files.events(file_id) if event.kind == "started")
        assert len(workers) == 2, workers  # both had their share
    assert list(inbox.iterdir()) == []
    assert len(list((tmp_path / "reports").rglob("*.pdf"))) == _FILES
    for said in logs:
        assert not any(secret in said() for secret in (*SECRETS, PASSWORD, "s3cr%2Ft"))


def clients(postgres: Server) -> set[str]:
    engine = create_engine(postgres.url("postgres"))
    with engine.connect() as connection:
        found = connection.scalars(
            text("SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE application_name = 'koa-worker'")
        )
        addresses = set(found) - {None}
    engine.dispose()
    return addresses if addresses == {"127.0.0.1"} else addresses - {"127.0.0.1"}
