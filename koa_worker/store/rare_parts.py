"""The parts of the store that only the web page or a few commands need, each loaded when it is first asked for.

Most processes never ask: worker processes, `status`, and a daemon without a page.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from koa_worker.store.database.base import Sessions

if TYPE_CHECKING:
    from koa_worker.store.counts.watch_days import WatchDays
    from koa_worker.store.erasure.belongings import Found
    from koa_worker.store.erasure.erasures import Erasures
    from koa_worker.store.export import Export
    from koa_worker.store.lifecycle.corrections import Corrections
    from koa_worker.store.page.accounts import Accounts
    from koa_worker.store.page.assignments import Assignments
    from koa_worker.store.page.audit import Audit
    from koa_worker.store.page.day_counts import DayCounts
    from koa_worker.store.page.rate_limits import RateLimits
    from koa_worker.store.page.reader_grades import ReaderGrades
    from koa_worker.store.page.study_history import StudyHistory
    from koa_worker.store.page.uploads import Uploads
    from koa_worker.store.page.worklist import Worklist
    from koa_worker.store.page.worklist_entries import WorklistEntries
    from koa_worker.store.site_scale import SiteScales


class RareParts:
    """These parts, as attributes of a store."""

    sessions: Sessions

    @cached_property
    def accounts(self) -> Accounts:
        from koa_worker.store.page.accounts import Accounts  # noqa: PLC0415

        return Accounts(self.sessions)

    @cached_property
    def rate_limits(self) -> RateLimits:
        from koa_worker.store.page.rate_limits import RateLimits  # noqa: PLC0415

        return RateLimits(self.sessions)

    @cached_property
    def audit(self) -> Audit:
        from koa_worker.store.page.audit import Audit  # noqa: PLC0415

        return Audit(self.sessions)

    @cached_property
    def worklist(self) -> Worklist:
        from koa_worker.store.page.worklist import Worklist  # noqa: PLC0415

        return Worklist(self.sessions)

    @cached_property
    def entries(self) -> WorklistEntries:
        from koa_worker.store.page.worklist_entries import WorklistEntries  # noqa: PLC0415

        return WorklistEntries(self.sessions)

    @cached_property
    def day_counts(self) -> DayCounts:
        from koa_worker.store.page.day_counts import DayCounts  # noqa: PLC0415

        return DayCounts(self.sessions)

    @cached_property
    def study_history(self) -> StudyHistory:
        from koa_worker.store.page.study_history import StudyHistory  # noqa: PLC0415

        return StudyHistory(self.sessions)

    @cached_property
    def reader_grades(self) -> ReaderGrades:
        from koa_worker.store.page.reader_grades import ReaderGrades  # noqa: PLC0415

        return ReaderGrades(self.sessions)

    @cached_property
    def assignments(self) -> Assignments:
        from koa_worker.store.page.assignments import Assignments  # noqa: PLC0415

        return Assignments(self.sessions)

    @cached_property
    def uploads(self) -> Uploads:
        from koa_worker.store.page.uploads import Uploads  # noqa: PLC0415

        return Uploads(self.sessions)

    @cached_property
    def corrections(self) -> Corrections:
        from koa_worker.store.lifecycle.corrections import Corrections  # noqa: PLC0415

        return Corrections(self.sessions)

    @cached_property
    def erasures(self) -> Erasures:
        from koa_worker.store.erasure.erasures import Erasures  # noqa: PLC0415

        return Erasures(self.sessions)

    @cached_property
    def export(self) -> Export:
        from koa_worker.store.export import Export  # noqa: PLC0415

        return Export(self.sessions)

    @cached_property
    def found(self) -> Found:
        from koa_worker.store.erasure.belongings import Found  # noqa: PLC0415

        return Found(self.sessions)

    @cached_property
    def site_scales(self) -> SiteScales:
        from koa_worker.store.site_scale import SiteScales  # noqa: PLC0415

        return SiteScales(self.sessions)

    @cached_property
    def watch_days(self) -> WatchDays:
        from koa_worker.store.counts.watch_days import WatchDays  # noqa: PLC0415

        return WatchDays(self.sessions)
