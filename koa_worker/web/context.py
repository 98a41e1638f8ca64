"""The configuration and the store, for every route, and the notice that is on every page."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import Config
from koa_worker.store import Store

_KEY = "koa-worker"


@dataclass(frozen=True, slots=True)
class Context:
    config: Config
    store: Store


def furnish(app: Flask, config: Config, store: Store) -> None:
    app.extensions[_KEY] = Context(config, store)
    app.context_processor(lambda: {"notice": RESEARCH_NOTICE})


def context() -> Context:
    """The configuration and the store of the current application."""
    found: Context = current_app.extensions[_KEY]
    return found
