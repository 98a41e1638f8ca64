"""The start of a concern, and its lines in the log."""

import logging
import time

import pytest

from koa_worker.daemon.notices import Notices
from koa_worker.system.concern import Concern


def test_the_first_time_counts_and_the_log_says_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    notices = Notices()
    begun = time.time()
    for number in range(1, 4):
        notices.update("inbox", [Concern("unclaimable", detail=f"{number} files")])
    (concern,) = notices.concerns
    assert concern.detail == "3 files"
    assert concern.since is not None
    assert begun <= concern.since <= time.time()
    notices.update("store", [Concern("destination_down", "pacs", since=5.0)])
    assert [one.since for one in notices.concerns] == [concern.since, 5.0]
    notices.update("inbox", [])
    notices.update("inbox", [])
    assert [one.code for one in notices.concerns] == ["destination_down"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "needs attention", "needs attention", "no longer needs attention",
    ]  # fmt: skip
