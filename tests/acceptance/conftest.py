"""A site like an administrator's: a configuration file, folders beside it, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    folder: Path

    @property
    def inbox(self) -> Path:
        return self.folder / "work/inbox"

    def command(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words),
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def words(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "koa_worker", *map(str, words)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def process(self, *paths: Path, out: Path | None = None) -> tuple[int, list[dict[str, Any]]]:
        done = self.command("process", *paths, "--json", *(["--out", out] if out else []))
        assert done.stderr == ""
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def files(self, folder: str, pattern: str = "*") -> list[Path]:
        return sorted(path for path in (self.folder / folder).rglob(pattern) if path.is_file())


def make_site(folder: Path) -> Site:
    quick = (
        "[study]\nquiet_seconds = 0.0\n[intake]\nstable_seconds = 0.0\nscan_seconds = 0.3\nincomplete_seconds = 0.5\n"
    )
    (folder / "config.toml").write_text(f"{quick}[limits]\nmin_free_mb = 0\n")
    (folder / "work/inbox").mkdir(parents=True)
    return Site(folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)
