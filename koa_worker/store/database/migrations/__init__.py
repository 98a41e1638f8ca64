"""The steps from one shape of the tables to the next, shipped with the program and run when a store is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from koa_worker.errors import SetupError


def configuration() -> Config:
    """Alembic's settings, made here so that no alembic.ini has to travel along."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection) -> None:
    """Runs the missing steps in the connection's own transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as fault:  # it knows no way from the revision that it found
        raise SetupError("store_newer") from fault


def revisions() -> frozenset[str]:
    """All versions of the tables that this program knows a way from."""
    return frozenset(step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions())
