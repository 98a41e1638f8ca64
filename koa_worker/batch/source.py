"""The files to grade: those below a folder, here or in an object store, or those that a manifest lists."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from koa_worker.batch.entries import Entry
from koa_worker.batch.locations import file_system, is_remote, local_path, local_place
from koa_worker.batch.manifest import is_manifest, places_in
from koa_worker.errors import SetupError

# The attributes that change with an object's contents, by their names in the different storages.
_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")


def entries_of(source: str, leave_out: Path) -> Iterator[Entry]:
    """Every file of the source, in no particular order; `leave_out` is the results folder, which may be inside it."""
    if is_manifest(source):
        return _listed(source)
    if is_remote(source):
        return _in_storage(source)
    folder = local_path(source).absolute()
    if not folder.is_dir():
        raise SetupError("batch_source", "it is neither a folder nor a manifest that ends in .txt, .csv or .parquet")
    return _in_folder(str(folder), str(leave_out.absolute()))


def _in_folder(folder: str, leave_out: str) -> Iterator[Entry]:
    """The files below a folder. Links to files count, links to folders do not, because they may form a circle."""
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as content:
                for found in content:
                    if found.name.startswith("."):
                        continue
                    if found.is_dir(follow_symlinks=False):
                        folders += [found.path] if found.path != leave_out else []
                    elif found.is_file():
                        yield _local(found.path, found.stat())
        except OSError as fault:
            raise SetupError("batch_source", f"a folder in it cannot be read: {fault.strerror}") from fault


def _in_storage(source: str) -> Iterator[Entry]:
    system, root = file_system(source)
    found = False
    try:
        for _, _, files in system.walk(root, detail=True):
            for name, facts in files.items():
                found = True
                if name and not name.startswith("."):
                    yield Entry(system.unstrip_protocol(facts["name"]), int(facts.get("size") or 0), _stamp(facts))
    except SetupError:
        raise
    # Each kind of storage has its own exceptions, and their messages may contain a file's name.
    except Exception as fault:
        raise SetupError("batch_source", f"it cannot be listed: {type(fault).__name__}") from fault
    if not found:
        raise SetupError("batch_source", "nothing was found there")


def _stamp(facts: dict[str, Any]) -> str:
    return next((str(facts[name]) for name in _STAMPS if facts.get(name)), "")


def _listed(manifest: str) -> Iterator[Entry]:
    """A manifest's entries. A request for the time of each object would take longer than grading many of them."""
    for place in places_in(manifest):
        if is_remote(place):
            yield Entry(place, 0, "")
            continue
        try:
            yield _local(os.fspath(local_path(place)), local_path(place).stat())
        except OSError:
            yield Entry(local_place(os.fspath(local_path(place))), 0, "missing")


def _local(path: str, facts: os.stat_result) -> Entry:
    regular = stat.S_ISREG(facts.st_mode)
    return Entry(local_place(path), facts.st_size, str(facts.st_mtime_ns) if regular else "irregular")
