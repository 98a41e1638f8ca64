"""A batch on a Dask cluster whose workers and scheduler are killed, against the same batch on one machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests import archive
from tests.acceptance.cluster import Cluster, grading, log_bytes, may_have_namespaces, namespaces, parts
from tests.make import until

FILES = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    archive.fill(folder / "archive", FILES)
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> str:
    done = archive.batch(folder, "--no-store", "--results", "alone")
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize("apart", [False, True], ids=["one address", "namespaces"])
def test_a_worker_and_the_scheduler_are_killed_and_all_results_are_there_once(
    folder: Path, alone: str, apart: bool
) -> None:
    if apart and not may_have_namespaces():
        pytest.skip("no right to make network namespaces here, or no iproute2")
    name = "apart" if apart else "together"
    place = folder / name
    place.mkdir()
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(namespaces(3)) if apart else None
        cluster = stack.enter_context(Cluster(place, 2, hosts).running())
        words = ("--results", f"{name}/results", "--cluster", cluster.address)
        process = stack.enter_context(grading(folder, *words))
        until(lambda: log_bytes(place / "results") > 200_000, 250, process=process)
        cluster.workers[0].kill()
        until(lambda: log_bytes(place / "results") > 500_000, 250, process=process)
        cluster.scheduler.kill()
        said, wrong = process.communicate(timeout=400)
        assert process.returncode == 1, wrong + cluster.logs()
    assert said == alone
    assert "the scheduler is lost" in wrong
    assert parts(place / "results") == parts(folder / "alone")
    for secret in archive.SECRETS:
        assert secret not in cluster.logs() + wrong


def test_without_a_cluster_it_says_so_and_another_run_goes_on(tmp_path: Path) -> None:
    archive.fill(tmp_path / "archive", 3)
    (tmp_path / "config.toml").write_text("[batch]\npatience_seconds = 0.5\n[work]\nworkers = 1\n")
    done = archive.batch(tmp_path, "--no-store", "--cluster", "tcp://127.0.0.1:9")
    assert done.returncode == 3
    assert "run the same command" in done.stderr
    assert archive.batch(tmp_path, "--no-store").stdout.startswith("3 graded.\n")
    assert archive.batch(tmp_path, "--no-store", "--cluster", "no address at all").returncode == 0  # nothing is left
