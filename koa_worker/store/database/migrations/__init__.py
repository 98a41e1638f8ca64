"""The migrations from one version of the tables to the next; they run when a store is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from koa_worker.errors import SetupError


def configuration() -> Config:
    """Alembic's settings, made here so that no alembic.ini has to be shipped."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations in the connection's own transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as fault:  # there is no migration from this version
        raise SetupError("store_newer") from fault


def revisions() -> frozenset[str]:
    """All versions of the tables that this program can migrate."""
    return frozenset(step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions())
