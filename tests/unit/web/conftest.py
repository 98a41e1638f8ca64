"""The application on a real store, asked by Flask's client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Store
from koa_worker.web import create_app


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = Config.model_validate({"limits": {"min_free_mb": 0}}).below(tmp_path)
    prepare_folders(settings.folders)
    return settings


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    with Store.open(config.store.url) as opened:
        yield opened


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    made = create_app(config, store)
    made.testing = True
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
