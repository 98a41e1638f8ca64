"""The page from a real server: it starts, answers and stops."""

import urllib.request
from pathlib import Path

import pytest

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import Config
from koa_worker.errors import SetupError
from koa_worker.web.serve import serving


def settings(folder: Path, **web: object) -> Config:
    return Config.model_validate({"web": {"port": 0, **web}}).below(folder)


def test_it_serves_and_stops(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as address:
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert RESEARCH_NOTICE in answer.read().decode()
        port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(SetupError, match="cannot listen"), serving(settings(tmp_path, port=port)):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=10)
