"""Searches everything of a patient: in the store, and in the headers of files that have no patient in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from koa_worker.config import Config
from koa_worker.custody import places
from koa_worker.custody.headers import Match, match
from koa_worker.errors import SetupError
from koa_worker.intake import scan
from koa_worker.store import Store
from koa_worker.store.records.belongings import Belongings, Whose

_ALL = 10**9


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The studies, files and deliveries that a search found at one moment."""

    belongings: Belongings
    by_header: frozenset[str]  # files that belong to it only by their header, or by their place
    paths: frozenset[str]
    in_inbox: tuple[Path, ...]

    def __bool__(self) -> bool:
        return bool(self.belongings.files or self.belongings.studies or self.by_header or self.in_inbox)


@dataclass(slots=True)
class Search:
    """A search that may be repeated; no file's header is read twice."""

    config: Config
    store: Store
    whose: Whose
    _read: dict[Path, Match | None] = field(default_factory=dict)
    _in_headers: Whose = field(init=False)

    def __post_init__(self) -> None:
        uid = self.store.found.study_uid(self.whose.study) if self.whose.study is not None else None
        self._in_headers = replace(self.whose, study=uid or self.whose.study)  # a header has no study key

    def look(self) -> SearchResult:
        matching: set[str] = set()
        paths: set[str] = set()
        for file_id, path in self._headers():
            if self._matches(path):
                matching.add(file_id)
                paths.add(str(path))
        in_inbox = tuple(path for path in self._inbox() if self._matches(path))
        found = self.store.erasures.look(self.whose, matching)
        self._refuse_several_issuers()
        # Files in the work folder are removed by their ids.
        filed = {path for path in paths if Path(path).parent != self.config.folders.work}
        return SearchResult(found, frozenset(matching), places.paths_of(self.config, found) | filed, in_inbox)

    def _headers(self) -> Iterator[tuple[str, Path]]:
        """The files to search by header: without a study or of another patient than it, unknown, or in progress."""
        for file in self.store.found.without_study():
            for path in places.originals(self.config, file.filed_as):
                if path.exists():
                    yield file.id, path
        yield from places.unknown(self.config, self.store)
        yield from places.claimed(self.config.folders.work)

    def _inbox(self) -> Iterator[Path]:
        if self.config.folders.inbox.is_dir():
            for waiting in scan(self.config.folders.inbox, limit=_ALL).oldest:
                yield waiting.path

    def _matches(self, path: Path) -> bool:
        if path not in self._read:
            self._read[path] = match(path, self._in_headers)
        return self._read[path] is not None

    def _refuse_several_issuers(self) -> None:
        """Raises an error if several issuers gave the id: two hospitals may give the same id to two persons."""
        if self.whose.patient_id is None or self.whose.issuer is not None:
            return
        issuers = set(self.store.found.issuers(self.whose.patient_id))
        issuers |= {said.issuer for said in self._read.values() if said is not None and said.issuer is not None}
        if len(issuers) > 1:
            raise SetupError("several_issuers", f"{len(issuers)} issuers")
