"""The loop wakes when something stirs."""

import threading
import time
from pathlib import Path

from koa_worker.intake import Watch


def seconds_waited(watch: Watch, limit: float) -> float:
    start = time.monotonic()
    watch.wait(limit)
    return time.monotonic() - start


def test_a_new_file_in_a_sub_folder_wakes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with Watch(tmp_path) as watch:
        threading.Timer(0.1, (tmp_path / "sub/a.dcm").write_bytes, [b"x"]).start()
        assert seconds_waited(watch, 20) < 10


def test_reading_does_not_wake(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"x")
    with Watch(tmp_path) as watch:
        threading.Timer(0.05, (tmp_path / "a.dcm").read_bytes).start()
        assert seconds_waited(watch, 0.5) >= 0.5


def test_a_call_wakes(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        watch.wake()
        assert seconds_waited(watch, 20) < 10
