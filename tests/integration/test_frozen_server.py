"""A PostgreSQL server whose processes are stopped: the daemon's loop and the page do not wait for it."""

from __future__ import annotations

import time

import pytest

from koa_worker.errors import WorkFailed
from koa_worker.store import Store
from tests.fault_hosts import Hosts
from tests.postgres import Server


def test_a_server_that_stands_still_counts_as_away(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    hosts = Hosts(tmp_path_factory.mktemp("hosts"), {}, postgres)
    with Store.open(postgres.database(), patience=2.0, answer_seconds=3.0) as store:
        assert store.reports.owed() == ()
        hosts.hold_server()
        try:
            begun = time.monotonic()
            with pytest.raises(WorkFailed, match="timeout expired"):
                store.reports.owed()
            assert time.monotonic() - begun < 60
        finally:
            hosts.let_server_go()
        assert store.reports.owed() == ()
