"""A real PostgreSQL server in a temporary folder, as its own user where the tests run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.make import free_port

PASSWORD = "s3cr/t pass"
_USER = "koa"


def programs() -> Path | None:
    """The folder with initdb, which Debian keeps out of the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


class Server:
    """One cluster; it can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._made = 0

    def create(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        self._run("initdb", "-D", "data", "-U", _USER, "--pwfile=secret", "-A", "scram-sha-256", "-E", "UTF8", "-N")
        secret.unlink()
        with (self.folder / "data/pg_hba.conf").open("a") as stream:
            stream.write("host all all samenet scram-sha-256\n")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -h '*' -F"
        self._run("pg_ctl", "-D", "data", "-w", "-t", "120", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "fast", "stop")

    def database(self) -> str:
        """The address of a new, empty one."""
        self._made += 1
        name = f"test{self._made}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)

    def url(self, name: str, host: str = "127.0.0.1") -> str:
        secret = PASSWORD.replace("/", "%2F").replace(" ", "%20")
        return f"postgresql+psycopg://{_USER}:{secret}@{host}:{self.port}/{name}"

    def _run(self, program: str, *words: str) -> None:
        folder = programs()
        assert folder is not None
        user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if _is_root() else {}
        subprocess.run(
            [str(folder / program), *words],
            check=True,
            cwd=self.folder,
            timeout=180,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            **user,
        )


def _is_root() -> bool:
    return os.geteuid() == 0


@contextmanager
def serving() -> Iterator[Server]:
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="koa-postgres-") as name:
        if _is_root():  # initdb refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(name, owner.pw_uid, owner.pw_gid)
        server = Server(Path(name))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
