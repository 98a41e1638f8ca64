"""The store's verbs for the page: users and what they may, what they did, what readers say, what was uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from koa_worker.store import status as counting
from koa_worker.store.base import Door
from koa_worker.store.page import (
    accounts,
    audit,
    day_counts,
    rate_limits,
    reader_grades,
    study_history,
    uploads,
    worklist,
)
from koa_worker.store.page.day_counts import DayCount
from koa_worker.store.page.study_history import GradingRecord, ReportRecord
from koa_worker.store.page.worklist_values import Cursor, Wanted, WorklistCounts, WorklistPage
from koa_worker.store.records import DeedRecord, Pace, ReadingRecord, TokenRecord, UploadRecord, UserRecord
from koa_worker.values import Heatmap, Role


class PageVerbs(Door):
    # Users

    def has_users(self) -> bool:
        return self._read(accounts.has_users)

    def users(self) -> tuple[UserRecord, ...]:
        return self._read(accounts.users)

    def find_user(self, name: str) -> UserRecord | None:
        return self._read(lambda session: accounts.find_user(session, name))

    def add_user(self, name: str, role: Role, password: str) -> bool:
        """With the hash of a password; false when there is one of that name."""
        return self._write(lambda session: accounts.add_user(session, name, role, password, self._clock()))

    def remove_user(self, name: str) -> bool:
        """Readings and the audit trail keep the name; browsers and tokens of it count no more."""
        return self._write(lambda session: accounts.remove_user(session, name, self._clock()))

    def change_password(self, name: str, password: str) -> bool:
        """Also ends every login and token of the user."""
        return self._write(lambda session: accounts.change_password(session, name, password))

    def log_in(self, name: str, secret_hash: str, lasts: timedelta) -> bool:
        """Whoever shows the secret is the user, for so long."""
        now = self._clock()
        return self._write(lambda session: accounts.log_in(session, name, secret_hash, now, now + lasts))

    def logged_in(self, secret_hash: str) -> UserRecord | None:
        return self._read(lambda session: accounts.logged_in(session, secret_hash, self._clock()))

    def log_out(self, secret_hash: str) -> None:
        self._write(lambda session: accounts.log_out(session, secret_hash))

    def log_out_everywhere(self, name: str) -> None:
        self._write(lambda session: accounts.log_out_everywhere(session, name))

    def add_token(self, name: str, purpose: str, secret_hash: str, lasts: timedelta | None) -> bool:
        """Whoever shows the token is the user; false if there is none of that name."""
        now = self._clock()
        until = None if lasts is None else now + lasts
        return self._write(lambda session: accounts.add_token(session, name, purpose, secret_hash, at=now, until=until))

    def shown_token(self, secret_hash: str) -> UserRecord | None:
        return self._read(lambda session: accounts.shown_token(session, secret_hash, self._clock()))

    def tokens(self, name: str) -> tuple[TokenRecord, ...]:
        return self._read(lambda session: accounts.tokens(session, name))

    def remove_token(self, name: str, token_id: int) -> bool:
        return self._write(lambda session: accounts.remove_token(session, name, token_id))

    # Rations

    def use_ration(self, key: str, most: int, per: timedelta) -> timedelta:
        """Takes one of `most` within `per`; else gives how long to wait. A refusal writes nothing."""
        now = self._clock()
        still = self._read(lambda session: rate_limits.wait(session, key, now, most=most, per=per))
        return still or self._write(lambda session: rate_limits.use(session, key, now, most=most, per=per))

    def ration_spent(self, key: str) -> bool:
        """Whether any of it was used and has not grown again."""
        return self._read(lambda session: rate_limits.is_spent(session, key, self._clock()))

    def give_back_ration(self, key: str) -> None:
        self._write(lambda session: rate_limits.give_back(session, key))

    # The audit trail

    def note_deed(self, who: str, action: str, subject: str = "", *, address: str = "", detail: str = "") -> None:
        """Who looked at what: for ever."""
        said = {"who": who, "action": action, "subject": subject, "address": address, "detail": detail}
        self._write(lambda session: audit.note(session, self._clock(), **said))

    def deeds(
        self, *, before: int | None = None, limit: int = 100, who: str | None = None, subject: str | None = None
    ) -> tuple[DeedRecord, ...]:
        """Newest first; the next page is before the last one's id."""
        return self._read(lambda session: audit.deeds(session, before=before, limit=limit, who=who, subject=subject))

    # The worklist

    def worklist(
        self, wanted: Wanted, cursor: Cursor | None = None, limit: int = 50, *, may_see_patients: bool = False
    ) -> WorklistPage:
        """A page of graded knees and of files without one, newest first."""
        return self._read(
            lambda session: worklist.worklist(session, wanted, cursor, limit, may_see_patients=may_see_patients)
        )

    def worklist_counts(self) -> WorklistCounts:
        """How many files of each state, as far as is quickly counted."""
        return self._read(lambda session: worklist.worklist_counts(session, counting.midnight(self._clock())))

    def day_counts(self, first: date, last: date) -> tuple[DayCount, ...]:
        """What was settled on each of these days, counted by state, grade and code."""
        return self._read(lambda session: day_counts.day_counts(session, first, last))

    def pace(self) -> Pace:
        """How quickly files are settled now, and what has waited longest."""
        return self._read(lambda session: counting.pace(session, self._clock()))

    # One study

    def frame_jpeg(self, study_key: str, file_id: str) -> bytes | None:
        return self._read(lambda session: study_history.frame_jpeg(session, study_key, file_id))

    def crop_png(self, study_key: str, file_id: str, position: int) -> bytes | None:
        return self._read(lambda session: study_history.crop_png(session, study_key, file_id, position))

    def heatmap(self, study_key: str, file_id: str, position: int) -> Heatmap | None:
        return self._read(lambda session: study_history.heatmap(session, study_key, file_id, position))

    def gradings(self, study_key: str) -> tuple[GradingRecord, ...]:
        """Everything that models said of a study's knees, newest first."""
        return self._read(lambda session: study_history.gradings(session, study_key))

    def written_reports(self, study_key: str) -> tuple[ReportRecord, ...]:
        """The revisions of a study's report, newest first."""
        return self._read(lambda session: study_history.written_reports(session, study_key))

    # Readings

    def record_reading(self, file_id: str, position: int, *, reader: str, kl: int, comment: str) -> bool:
        """What a person says of the knee at this place in a file's picture; false if there is no such knee."""
        return self._write(
            lambda session: reader_grades.record_reading(
                session, file_id, position, reader=reader, kl=kl, comment=comment, at=self._clock()
            )
        )

    def readings(self, study_key: str) -> tuple[ReadingRecord, ...]:
        """Everything that readers said of a study, in its order."""
        return self._read(lambda session: reader_grades.readings(session, study_key))

    def agreement(self) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        """For each reader a matrix of counts: the reader's grade by row, the machine's by column."""
        return self._read(reader_grades.agreement)

    def reader_agreement(self) -> Mapping[tuple[str, str], tuple[tuple[int, ...], ...]]:
        """The same for each two readers: the first one's grade by row, the second one's by column."""
        return self._read(reader_grades.reader_agreement)

    # Uploads

    def now(self) -> datetime:
        return self._clock()

    def record_upload(self, upload: UploadRecord) -> None:
        self._write(lambda session: uploads.record_upload(session, upload))

    def find_upload(self, upload_id: str) -> UploadRecord | None:
        return self._read(lambda session: uploads.find_upload(session, upload_id))

    def uploads_waiting(self) -> int:
        return self._read(lambda session: uploads.uploads_waiting(session, self._clock()))
