"""An archive in an object store: a small S3 server, spoken to by the real client through the whole command."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests import archive
from tests.object_store import BUCKET, serving


def test_objects_are_graded_once_and_a_changed_one_again(tmp_path: Path) -> None:
    pytest.importorskip("s3fs")
    objects = {f"knees/{number % 2}/Archivov^Anna {number}": data for number, data in enumerate(archive.contents(8))}
    (tmp_path / "config.toml").write_text("[work]\nworkers = 1\n")
    with serving(objects) as found_by:
        here = {**found_by, "PYTHONWARNINGS": "default"}  # the client's own
        first = archive.batch(tmp_path, source=f"s3://{BUCKET}/knees", **here)
        assert first.stdout.startswith("7 graded, 1 rejected.\n"), first.stderr
        rows = archive.rows(tmp_path / "results")
        assert {row["source"] for row in rows} == {f"s3://{BUCKET}/{name}" for name in objects}
        assert {row["sha256"] for row in rows} == {hashlib.sha256(data).hexdigest() for data in objects.values()}
        for secret in archive.SECRETS:
            assert secret not in first.stdout + first.stderr
        changed = next(name for name in objects if name.endswith(" 7"))
        objects[changed] = objects["knees/0/Archivov^Anna 2"] + b"#7"
        second = archive.batch(tmp_path, source=f"s3://{BUCKET}/knees", **here)
        assert second.stdout.startswith("8 graded.\n"), second.stderr
        assert len(archive.rows(tmp_path / "results")) == 8
