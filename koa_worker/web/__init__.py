"""The page and the JSON API, made on the server.

Who may do what is said once, on each route, by `access.needs`. What names a patient is shown if `may_see_patients()`.
"""

from __future__ import annotations

from flask import Flask

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.web import access, dashboard, forgery, headers, study, worklist
from koa_worker.web.desk import furnish


def create_app(config: Config, store: Store) -> Flask:
    """The application for any WSGI server; `serve.py` has the one that is meant."""
    app = Flask(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    furnish(app, config, store)
    headers.protect(app)
    access.guard(app)
    forgery.guard(app)
    for module in (worklist, study, dashboard):
        app.register_blueprint(module.pages)
    return app
