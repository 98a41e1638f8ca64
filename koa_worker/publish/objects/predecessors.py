"""Which result object replaces which earlier one, from the store's records of all objects that were made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from koa_worker.publish.objects.result import Replaced, ResultKind
from koa_worker.store import ResultObjectRecord


@dataclass(frozen=True, slots=True)
class Predecessors:
    """The result objects of one study that were made before, in the order in which they were made."""

    study_uid: str
    made: tuple[ResultObjectRecord, ...]

    def is_new(self, sop_uid: str) -> bool:
        return all(one.sop_uid != sop_uid for one in self.made)

    def of(self, kind: ResultKind, subjects: Collection[str], sop_uid: str) -> Replaced | None:
        """The last object of the same kind for the same image or study; for an object made before, what it named then.

        An image is known by the id of its file, or by its own UID where an earlier file of it was not graded.
        """
        for one in reversed(self.made):
            if one.sop_uid == sop_uid:
                return self._find(one.replaces)
        about = [one for one in self.made if one.kind == kind and one.subject in subjects]
        return self._place(about[-1]) if about else None

    def _find(self, sop_uid: str | None) -> Replaced | None:
        return next((self._place(one) for one in self.made if one.sop_uid == sop_uid), None)

    def _place(self, one: ResultObjectRecord) -> Replaced:
        return Replaced(self.study_uid, one.series_uid, one.sop_class_uid, one.sop_uid)
