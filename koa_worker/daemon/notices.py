"""The daemon's present concerns, each with its start; the log gets a line when one begins and when it is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from koa_worker.system.concern import Concern

logger = logging.getLogger(__name__)


class Notices:
    """The concerns by source: the loop and the lookout's thread each set their own."""

    def __init__(self) -> None:
        self._by_source: dict[str, tuple[Concern, ...]] = {}
        self._lock = threading.Lock()

    @property
    def concerns(self) -> tuple[Concern, ...]:
        with self._lock:
            return tuple(one for source in sorted(self._by_source) for one in self._by_source[source])

    def update(self, source: str, concerns: Iterable[Concern]) -> None:
        """Sets all present concerns of a source."""
        now = time.time()
        with self._lock:
            before = self._by_source.get(source, ())
            known = [one.known_since(before) for one in concerns]
            after = tuple(replace(one, since=now) if one.since is None else one for one in known)
            self._by_source[source] = after
        _tell(before, after)


def _tell(before: Iterable[Concern], after: Iterable[Concern]) -> None:
    had, has = ({one.identity: one for one in concerns} for concerns in (before, after))
    for identity, concern in has.items():
        if identity not in had:
            logger.warning("needs attention: %s %s", concern, concern.remedy, extra={"concern": concern.code})
    for identity, concern in had.items():
        if identity not in has:
            extra = {"concern": concern.code, **({"subject": concern.subject} if concern.subject else {})}
            logger.warning("no longer needs attention", extra=extra)
