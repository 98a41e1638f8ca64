"""The configuration, the store and the decoder for every route, and the values for every page."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import Config
from koa_worker.read.viewing.decoder import Decoder
from koa_worker.store import Store
from koa_worker.web.kept_counts import KeptCounts
from koa_worker.web.last_watch import LastWatch
from koa_worker.web.searches import Searches

_KEY = "koa-worker"


@dataclass(frozen=True, slots=True)
class Context:
    config: Config
    store: Store
    decoder: Decoder
    searches: Searches
    last_watch: LastWatch
    kept_counts: KeptCounts


def furnish(app: Flask, config: Config, store: Store) -> None:
    app.extensions[_KEY] = Context(config, store, Decoder(config.limits), Searches(), LastWatch(), KeptCounts())
    app.context_processor(lambda: {"notice": RESEARCH_NOTICE, "institution": config.report.institution})


def context() -> Context:
    """The configuration, the store and the decoder of the current application."""
    found: Context = current_app.extensions[_KEY]
    return found


def release(app: Flask) -> None:
    """Ends everything that the application has started."""
    used: Context = app.extensions[_KEY]
    used.decoder.close()
