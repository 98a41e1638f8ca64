"""The folders of this program's files in the configuration, and the files in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from koa_worker.config import Config
from koa_worker.store import Store, report_name

if TYPE_CHECKING:  # the daemon looks for expired files with this module, and loads nothing of an erasure for that
    from koa_worker.store.records.belongings import Belongings, StudyPlace

REASON = ".reason.txt"
_ERASING = ".erasing-"  # for a file in the inbox: the intake ignores hidden names
_AT_A_TIME = 1000


def archive(config: Config) -> tuple[Path, Path, Path]:
    """The final folders of originals."""
    return config.folders.done, config.folders.rejected, config.folders.failed


def paths_of(config: Config, found: Belongings) -> frozenset[str]:
    """The paths of the originals, reports and objects in a search result; none is outside our own folders."""
    paths: set[Path] = set()
    for file in found.files:
        paths.update(originals(config, file.filed_as))
    for place in (*found.studies, *found.touched):
        paths.update(reports(config, place))
    objects = config.dicom.results.folder
    paths.update(objects / Path(path).name for path in found.objects if Path(path).parent == objects)
    return frozenset(map(str, paths))


def originals(config: Config, filed_as: str | None) -> tuple[Path, ...]:
    """The possible paths of an original: it may be moving from the recorded final folder to another one."""
    if filed_as is None:
        return ()
    path = Path(filed_as)
    if path.parent.parent not in archive(config):
        return ()
    return tuple(folder / path.parent.name / path.name for folder in archive(config))


def is_outside(config: Config, filed_as: str | None) -> bool:
    """Whether an original was graded in place, by `batch`: this program must not delete it."""
    return filed_as is not None and not originals(config, filed_as)


def reports(config: Config, place: StudyPlace) -> tuple[Path, ...]:
    own = config.folders.reports / report_name(place.key, place.created_at)
    recorded = Path(place.report) if place.report else None
    if recorded is None or recorded == own or not recorded.is_relative_to(config.folders.reports):
        return (own,)
    return own, recorded


def filed(config: Config) -> Iterator[tuple[str, Path]]:
    """Every original in the final folders with its id."""
    for folder in archive(config):
        for day in days(folder):
            for path in sorted(day.iterdir()):
                if path.is_file() and not path.is_symlink() and not path.name.endswith((REASON, ".tmp")):
                    yield path.name.partition(".")[0], path


def days(folder: Path) -> Iterator[Path]:
    """The folders of single days, oldest first; others were not made by this program."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            date.fromisoformat(path.name)
        except ValueError:
            continue
        if path.is_dir() and not path.is_symlink():
            yield path


def unknown(config: Config, store: Store) -> Iterator[tuple[str, Path]]:
    """The originals that the store does not know, because it is older than the folders."""
    lying = filed(config)
    while some := list(itertools.islice(lying, _AT_A_TIME)):
        known = {file.id for file in store.found.files([file_id for file_id, _ in some])}
        yield from ((file_id, path) for file_id, path in some if file_id not in known)


def claimed(work: Path) -> Iterator[tuple[str, Path]]:
    """Every file in the work folder with its id."""
    for path in sorted(work.glob("*.file")):
        yield path.stem, path


def hidden(inbox: Path, file_id: str) -> Path:
    """A hidden name for a file in the inbox that is to be erased, so that it is not taken as a radiograph."""
    return inbox / f"{_ERASING}{file_id}"


def hidden_ids(inbox: Path) -> frozenset[str]:
    return frozenset(path.name.removeprefix(_ERASING) for path in inbox.glob(f"{_ERASING}*"))
