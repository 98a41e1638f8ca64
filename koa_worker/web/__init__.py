"""The web page and the JSON API, rendered on the server.

Each route names the role that it needs, with `access.needs`. Patient data is shown only if `may_see_patients()`.
"""

from __future__ import annotations

from flask import Flask

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.web import admin, agreement, dashboard, files, login, study, uploads, users, words, worklist
from koa_worker.web.actions import assignments, chosen, correction, deliveries, forget
from koa_worker.web.api import routes as api
from koa_worker.web.context import furnish
from koa_worker.web.guard import access, blind, forgery, refusals, security_headers, senseless
from koa_worker.web.guard.refusals import LARGEST_FORM
from koa_worker.web.guard.sign_on import SignOn
from koa_worker.web.images import pictures


def create_app(config: Config, store: Store) -> Flask:
    """The WSGI application; `serve.py` runs it with waitress."""
    app = Flask(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_FORM
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_FORM
    furnish(app, config, store)
    words.teach(app)
    security_headers.protect(app)
    refusals.explained(app)
    senseless.guard(app)
    access.guard(app, SignOn.of(config.web))
    blind.guard(app)
    uploads.widen(app)
    forgery.guard(app)
    for module in (
        worklist,
        chosen,
        assignments,
        uploads,
        study,
        deliveries,
        correction,
        forget,
        pictures,
        files,
        dashboard,
        agreement,
        login,
        admin,
        users,
        api,
    ):
        app.register_blueprint(module.pages)
    return app
