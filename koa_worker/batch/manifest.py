"""Manifests: a text file with a path or URL a line, or a CSV or Parquet table with a column of them."""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from koa_worker.batch.locations import file_system, is_remote, local_path
from koa_worker.errors import SetupError

_ENDINGS = (".txt", ".csv", ".parquet")
_COLUMNS = ("path", "url", "uri", "file")
_SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "abfss", "https")
_ROWS_AT_A_TIME = 10_000


def is_manifest(source: str) -> bool:
    """Whether the source is a file with the extension of a manifest."""
    return source.lower().endswith(_ENDINGS) and (is_remote(source) or local_path(source).is_file())


def places_in(manifest: str) -> Iterator[str]:
    """Absolute paths and URLs, in the manifest's order; relative ones start at the manifest's folder."""
    base = _base(manifest)
    ending = manifest.lower().rpartition(".")[2]
    readers: dict[str, Callable[[IO[Any]], Iterator[str]]]
    readers = {"txt": _from_text, "csv": _from_csv, "parquet": _from_parquet}
    try:
        with _opened(manifest, binary=ending == "parquet") as stream:
            for written in readers[ending](stream):
                if place := written.strip():
                    yield _admitted(_absolute(place, base), manifest)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as fault:
        raise SetupError("batch_source", f"the manifest cannot be read: {type(fault).__name__}") from fault


@contextmanager
def _opened(manifest: str, *, binary: bool) -> Iterator[IO[Any]]:
    mode, encoding = ("rb", None) if binary else ("r", "utf-8-sig")
    if is_remote(manifest):
        system, path = file_system(manifest)
        with system.open(path, mode, encoding=encoding) as stream:
            yield stream
    else:
        with local_path(manifest).open(mode, encoding=encoding) as stream:
            yield stream


def _from_text(stream: IO[str]) -> Iterator[str]:
    return (line for line in stream if not line.startswith("#"))


def _from_csv(stream: IO[str]) -> Iterator[str]:
    rows = csv.DictReader(stream)
    column = _column(rows.fieldnames or ())
    return (row[column] or "" for row in rows)


def _from_parquet(stream: IO[bytes]) -> Iterator[str]:
    table = pq.ParquetFile(stream)
    column = _column(table.schema_arrow.names)
    for batch in table.iter_batches(_ROWS_AT_A_TIME, columns=[column]):
        yield from (str(value or "") for value in batch.column(0).to_pylist())


def _column(names: Iterable[str]) -> str:
    by_lower = {name.strip().lower(): name for name in names}
    for wanted in _COLUMNS:
        if wanted in by_lower:
            return by_lower[wanted]
    raise SetupError("batch_source", f"the manifest has no column named {', '.join(_COLUMNS[:-1])} or {_COLUMNS[-1]}")


def _base(manifest: str) -> str:
    return posixpath.dirname(manifest) if is_remote(manifest) else os.fspath(local_path(manifest).absolute().parent)


def _admitted(place: str, manifest: str) -> str:
    """The line, if it names a file storage. The author of a manifest may be another person than its user."""
    scheme, found, _ = place.partition("://")
    if found and scheme not in _SCHEMES and scheme != manifest.partition("://")[0]:
        shown = scheme if scheme.isascii() and scheme.isprintable() and len(scheme) < 40 else "…"
        raise SetupError("batch_source", f"a line of the manifest names {shown}://, not one of {', '.join(_SCHEMES)}")
    return place


def _absolute(place: str, base: str) -> str:
    if "://" in place:
        return place
    if is_remote(base):
        return f"{base}/{place}"
    return os.path.normpath(Path(base) / place)
