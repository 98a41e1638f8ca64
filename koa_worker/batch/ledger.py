"""Records which entries are done: one SQLite file beside the results, from which a killed run resumes.

An entry is identified by its place, size and time; if these are unchanged, its result is kept. Results are recorded
here as they arrive and written as Parquet part by part. A part contains a fixed range of entries, so that it is the
same whatever the number of stops and wherever its files were graded.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from koa_worker.batch.entries import Entry, Finding, Row
from koa_worker.errors import SetupError, WorkFailed

FILES_IN_PART = 1000

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY,
    place TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    ending TEXT,                -- completed, rejected or failed; NULL while it is to be done
    tries INTEGER NOT NULL,
    listed INTEGER NOT NULL,    -- whether the source has it still
    result BLOB
);
CREATE INDEX IF NOT EXISTS to_do ON files (tries, number) WHERE ending IS NULL;
CREATE TABLE IF NOT EXISTS unwritten (part INTEGER PRIMARY KEY);
DROP TABLE IF EXISTS found;
CREATE TABLE found (place TEXT PRIMARY KEY, size INTEGER NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID;
"""

# The order of steps matters: what changed or failed is to be done again, what is new comes behind all others by place.
_COMPARE = """
INSERT OR IGNORE INTO unwritten
    SELECT files.number / :part FROM files JOIN found USING (place)
    WHERE files.ending = 'failed' OR files.size <> found.size OR files.stamp <> found.stamp;
UPDATE files SET ending = NULL, tries = 0, size = found.size, stamp = found.stamp FROM found
    WHERE files.place = found.place
    AND (files.ending = 'failed' OR files.size <> found.size OR files.stamp <> found.stamp);
UPDATE files SET tries = 0 WHERE ending IS NULL AND tries > 0;
UPDATE files SET listed = 0 WHERE listed = 1 AND place NOT IN (SELECT place FROM found);
UPDATE files SET listed = 1 WHERE listed = 0 AND place IN (SELECT place FROM found);
INSERT INTO files (number, place, size, stamp, tries, listed)
    SELECT (SELECT coalesce(max(number) + 1, 0) FROM files) + row_number() OVER (ORDER BY place) - 1,
           place, size, stamp, 0, 1
    FROM found WHERE place NOT IN (SELECT place FROM files) ORDER BY place;
DELETE FROM found;
"""


class Ledger:
    """`with Ledger.open(folder) as ledger:`; while it is open, a second one on the same folder is refused."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last = (-1, -1)
        self._late: deque[int] = deque()  # failed when entries behind them had been taken for their second try

    @classmethod
    def open(cls, folder: Path) -> Self:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "ledger.sqlite3"
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            # Held until the process ends, however it ends; and it makes the write-ahead log work on network disks.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_TABLES)
        except sqlite3.OperationalError as fault:
            connection.close()
            code = "batch_busy" if fault.sqlite_errorcode == sqlite3.SQLITE_BUSY else "batch_results"
            raise SetupError(code, "" if code == "batch_busy" else str(fault)) from fault
        except sqlite3.DatabaseError as fault:
            connection.close()
            raise SetupError("batch_results", str(fault)) from fault
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def belongs_to(self, grader: str) -> None:
        """Refuses a results folder of another model or version: results of two graders are not mixed."""
        self._connection.execute("INSERT OR IGNORE INTO about VALUES ('grader', ?)", [grader])
        ((known,),) = self._connection.execute("SELECT value FROM about WHERE name = 'grader'")
        if known != grader:
            raise SetupError("batch_other", f"{known} then, {grader} now")

    def compare(self, entries: Iterable[Entry]) -> None:
        """Compares the ledger with the present entries of the source."""
        with _Transaction(self._connection):
            listed = ((entry.place, entry.size, entry.stamp) for entry in entries)
            self._connection.executemany("INSERT OR IGNORE INTO found VALUES (?, ?, ?)", listed)
            for statement in _COMPARE.split(";"):
                needs = {"part": FILES_IN_PART} if ":part" in statement else {}
                self._connection.execute(statement, needs)
        self._last = (-1, -1)
        self._late.clear()

    def take(self, count: int) -> list[tuple[int, Entry]]:
        """The next entries, with failed ones last; none while all remaining ones are being graded."""
        late = self._take_late(count)
        rows = self._connection.execute(
            "SELECT tries, number, place, size, stamp FROM files INDEXED BY to_do"
            " WHERE ending IS NULL AND (tries, number) > (?, ?) AND listed ORDER BY tries, number LIMIT ?",
            [*self._last, count - len(late)],
        ).fetchall()
        if rows:
            self._last = rows[-1][:2]
        return late + [(number, Entry(place, size, stamp)) for _, number, place, size, stamp in rows]

    def _take_late(self, count: int) -> list[tuple[int, Entry]]:
        numbers = [self._late.popleft() for _ in range(min(count, len(self._late)))]
        one = "SELECT place, size, stamp FROM files WHERE number = ?"
        return [(number, Entry(*self._connection.execute(one, [number]).fetchone())) for number in numbers]

    def record(self, finding: Finding, tries: int) -> bool:
        """Records a finding; gives false for an entry that failed and will be retried."""
        result = zlib.compress(json.dumps(finding.rows, ensure_ascii=False).encode(), 1)
        with _Transaction(self._connection):
            ((ending, tried),) = self._connection.execute(
                "UPDATE files SET result = ?1, tries = tries + 1,"
                " ending = CASE WHEN ?2 = 'failed' AND tries + 1 < ?3 THEN NULL ELSE ?2 END"
                " WHERE number = ?4 RETURNING ending, tries",
                [result, finding.ending, tries, finding.number],
            ).fetchall()
            part = finding.number // FILES_IN_PART
            self._connection.execute("INSERT OR IGNORE INTO unwritten VALUES (?)", [part])
        if ending is None and (tried, finding.number) <= self._last:
            self._late.append(finding.number)
        return ending is not None

    def counts(self) -> dict[str, int]:
        """The number of entries by outcome; "" is for those that are still to be graded."""
        rows = self._connection.execute("SELECT coalesce(ending, ''), count(*) FROM files WHERE listed GROUP BY 1")
        return dict(rows.fetchall())

    # Parts

    def parts(self) -> Iterator[int]:
        ((most,),) = self._connection.execute("SELECT coalesce(max(number), -1) FROM files")
        return iter(range((most + FILES_IN_PART) // FILES_IN_PART))

    def doubt(self, part: int) -> None:
        """Marks a part as to be written, even if it was written before."""
        self._connection.execute("INSERT OR IGNORE INTO unwritten VALUES (?)", [part])

    def complete_parts(self) -> list[int]:
        """The parts that are to be written and whose entries are all done."""
        rows = self._connection.execute(
            "SELECT part FROM unwritten WHERE NOT EXISTS ("
            " SELECT 1 FROM files WHERE number BETWEEN part * :part AND part * :part + :part - 1"
            " AND ending IS NULL AND listed) ORDER BY part",
            {"part": FILES_IN_PART},
        )
        return [part for (part,) in rows]

    def rows_of(self, part: int) -> list[Row]:
        """The rows of a part, ordered by place, and by knee within a file."""
        results = self._connection.execute(
            "SELECT result FROM files WHERE number BETWEEN ? AND ? AND result IS NOT NULL ORDER BY place",
            [part * FILES_IN_PART, (part + 1) * FILES_IN_PART - 1],
        )
        return [row for (result,) in results for row in json.loads(zlib.decompress(result))]

    def written(self, part: int) -> None:
        self._connection.execute("DELETE FROM unwritten WHERE part = ?", [part])


class _Transaction:
    """A transaction of SQLite; an error of the disk becomes `WorkFailed`, because it is not the file's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if fault is None:
            self._connection.execute("COMMIT")
            return
        self._connection.execute("ROLLBACK")
        if isinstance(fault, sqlite3.OperationalError):
            raise WorkFailed("io", "the ledger of the batch") from fault
