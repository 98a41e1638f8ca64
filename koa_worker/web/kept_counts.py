"""Keeps what is counted in the whole archive until the archive changes, because each page shows it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from koa_worker.store import Store
from koa_worker.store.page.assignments import ReaderProgress
from koa_worker.store.page.worklist_values import WorklistCounts

T = TypeVar("T")
_MOST = 100  # subjects, for example readers


class UntilChanged(Generic[T]):
    """Counts again when the stamp has changed. Of several requests at once one counts, and the others wait.

    The stamp is read before the count, so that a count may be newer than its stamp, but never older.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._stamp: Hashable = None
        self._found: dict[str, T] = {}

    def of(self, stamp: Hashable, count: Callable[[], T], subject: str = "") -> T:
        with self._lock:
            if stamp != self._stamp or (subject not in self._found and len(self._found) >= _MOST):
                self._stamp = stamp
                self._found.clear()
            if subject not in self._found:
                self._found[subject] = count()
            return self._found[subject]


class KeptCounts:
    """The counts of a store. `stamp` is that of `Store.entries`, which changes with the store."""

    def __init__(self) -> None:
        self._files = UntilChanged[WorklistCounts]()
        self._progress = UntilChanged[tuple[ReaderProgress, ...]]()

    def of_files(self, store: Store, stamp: str) -> WorklistCounts:
        today = store.worklist.now().astimezone().date()  # at midnight nothing is done today
        return self._files.of((stamp, today), store.worklist.counts)

    def of_reader(self, store: Store, stamp: str, reader: str) -> tuple[ReaderProgress, ...]:
        return self._progress.of(stamp, lambda: store.assignments.progress(reader), reader)
