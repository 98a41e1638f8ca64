"""`python -m bench.worklist --rows 1000000`: the speed of the worklist with a large archive.

Fills a new database (or takes the one that `--database` names, if it is there) with studies of two knees each, some
rejects and a queue, readings and assignments of two readers, and asks for the page, each order and each filter as a
browser would, without a change before it and as the first page after one. The same is asked of an archive of a thousand
knees: what a page costs more is what the archive costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bench.page import machine, row_of
from bench.worklist_rows import HISTORY, NOW, fill, share_out
from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Store
from koa_worker.store.database.schema import FileRow, KneeRow
from koa_worker.store.journal import record_event
from koa_worker.store.page.worklist_values import Cursor
from koa_worker.watch.drift import watch
from koa_worker.web import create_app
from koa_worker.web.filters import SORTS

COLUMNS = ("asked", "lines", "median, ms", "95 %, ms", "after a change, ms", "processor, ms", "times few")
FEW = 1_000  # graded knees of the archive that the large one is compared with


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=1_000_000, help="graded knees")
    words.add_argument("--database", type=Path, help="kept afterwards; used as it is if it is there")
    words.add_argument("--repeats", type=int, default=40, help="of each question")
    words.add_argument("--out", type=Path, help="a Markdown file for the table, for example docs/worklist.md")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.database or Path(folder) / "koa.sqlite3"
        if not path.exists():
            fill(path, asked.rows)
        few = Path(folder) / "few" / "koa.sqlite3"
        few.parent.mkdir()
        fill(few, FEW)
        for one in (path, few):
            Store.open(f"sqlite:///{one}").close()  # brings an older one up to date
            share_out(one)
        knees, pages = measure(path, asked.repeats)
        show(knees, pages, measure(few, asked.repeats)[1], asked.repeats, asked.out)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page took, in milliseconds."""

    lines: int
    median: float
    percentile: float  # the 95th
    changed: float  # the median of pages of which each is the first after a change of the store
    processor: float


QUESTIONS: dict[str, dict[str, str | list[str]]] = {
    "first page": {},
    "a page in the middle": {"after": str(Cursor(needs_review=False, at=NOW - HISTORY / 2, id=0))},
    "review first": {"first": "review"},
    "waiting": {"state": "waiting"},
    "rejected": {"state": "rejected"},
    "KL 4": {"kl": "4"},
    "KL 4, left, to review": {"kl": "4", "side": "left", "review": "yes"},
    "to review": {"review": "yes"},
    "right": {"side": "right"},
    "unread by me": {"read": "unread"},
    "read by me": {"read": "done"},
    "to review, unread by all": {"review": "yes", "read": "nobody"},
    "a month, two years ago": {"from": "2024-05-01", "to": "2024-05-31"},
    "an id": {"text": "p012345"},
    "a name's beginning": {"text": "ivanov"},
    "two words": {"text": "ivanov both"},
    "two words, rarely together": {"text": "ivanov p01"},
    "a word of half the studies": {"text": "knee"},
    "half the studies, KL 3, a month": {"text": "standing", "kl": "3", "from": "2026-04-01", "to": "2026-04-30"},
    "an error code": {"text": "no_knee"},
    "nothing": {"text": "zzzz"},
    **{f"sorted: {words}": {"sort": said} for said, words in SORTS.items() if said},
    "by patient, KL 4, left": {"sort": "patient", "kl": "4", "side": "left"},
    "by patient, to review, unread by me": {"sort": "patient", "review": "yes", "read": "unread"},
    "by patient, 7 days": {"sort": "patient", "days": "7"},
    "by patient, a month": {"sort": "patient", "from": "2024-05-01", "to": "2024-05-31"},
    "by patient, rejected": {"sort": "patient", "state": "rejected"},
    "by patient, waiting": {"sort": "patient", "state": "waiting"},
    "by the right knee, KL 0, left": {"sort": "right", "kl": "0", "side": "left"},
    "by the left knee, KL 4": {"sort": "left", "kl": "4"},
    "by the left knee, a name's beginning": {"sort": "left", "text": "ivanov"},
    "by the exam, a year": {"sort": "examined", "from": "2024-01-01", "to": "2024-12-31"},
    "mine": {"assigned": "me"},
    "mine, unread, by patient": {"assigned": "me", "read": "unread", "sort": "patient"},
    "of a reader with few": {"assigned": "to:boris"},
    "nobody's, by readers": {"assigned": "nobody", "sort": "read"},
}


def measure(path: Path, repeats: int) -> tuple[int, dict[str, Page]]:
    """The number of knees, and each page as it leaves the server: the query, the counts at the top, the template."""
    settings = Config.model_validate({"store": {"url": f"sqlite:///{path}"}}).below(path.parent)
    prepare_folders(settings.folders)
    pages = {}
    with Store.open(settings.store.url) as store:
        client = create_app(settings, store).test_client()
        token = client.get("/api/v1/me").json["csrf"]
        answers = {
            asked: lambda form=form: (  # type: ignore[misc]
                client.post("/", data=form, headers={"X-CSRF-Token": token}, follow_redirects=True)
                if "text" in form
                else client.get("/", query_string=form)
            )
            for asked, form in QUESTIONS.items()
        }
        answers |= {
            f"dashboard, {days} days": lambda days=days: client.get(f"/dashboard?days={days}")  # type: ignore[misc]
            for days in (30, 365)
        }
        for what in ("all days counted", "from the kept sums"):
            begin = time.process_time()
            watch(store.watch_days.samples(), NOW.date())
            print(f"The weeks of the watch, {what}: {time.process_time() - begin:.1f} s of the processor")
        answers["the weeks, within an hour of that"] = lambda: client.get("/dashboard/drift")
        answers["progress of the readers"] = lambda: client.get("/assignments")
        answers["the next that I have not read, mine first"] = lambda: client.get("/next?assigned=first")
        for asked, answer in answers.items():
            page = answer()
            assert page.status_code in {200, 303}, page.text
            walls, start = [], time.process_time()
            for _ in range(repeats):
                begin = time.perf_counter()
                answer()
                walls.append((time.perf_counter() - begin) * 1e3)
            cpu = (time.process_time() - start) * 1e3 / repeats
            percentile = statistics.quantiles(walls, n=20)[-1]
            lines = max(page.text.count('role="row"') - 1, 0)
            after = statistics.median(_after_a_change(store, answer) for _ in range(max(repeats // 2, 3)))
            pages[asked] = Page(lines, statistics.median(walls), percentile, after, cpu)
            print(asked, pages[asked], sep=" | ", flush=True)
        return store.sessions.read(lambda session: session.scalar(select(func.count(KneeRow.id)))) or 0, pages


def _after_a_change(store: Store, answer: Callable[[], object]) -> float:
    """The time of a page that is the first one after something was kept, as each page is while files arrive."""

    def change(session: Session) -> None:
        file_id = session.scalars(select(FileRow.id).limit(1)).one()
        record_event(session, file_id, "benched", datetime.now(UTC))

    store.sessions.write(change)
    begin = time.perf_counter()
    answer()
    return (time.perf_counter() - begin) * 1e3


def show(knees: int, pages: dict[str, Page], few: dict[str, Page], repeats: int, out: Path | None) -> None:
    rows = [
        (
            asked,
            str(page.lines),
            *(f"{one:.1f}" for one in (page.median, page.percentile, page.changed, page.processor)),
            f"{page.processor / few[asked].processor:.1f}",
        )
        for asked, page in pages.items()
    ]
    table = Table(*COLUMNS, title="The worklist's page on the server")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if out:
        out.write_text(told(rows, knees, repeats), encoding="utf-8")


def told(rows: list[tuple[str, ...]], knees: int, repeats: int) -> str:
    lines = [
        "# The worklist, measured",
        "",
        f"Made by `python -m bench.worklist` with {knees:,} graded knees in SQLite; each page {repeats} times, as it",
        "leaves the server: queries, counts, template. 5,000 studies are assigned to the asking reader, who has",
        "read half of them. The exact counts at the top are kept until something in the store changes: median, 95 %",
        "and processor are of pages without a change before them, “after a change” is the median of pages of which",
        "each is the first after a change, so that all is counted again. While files arrive, most pages are such.",
        f"The last column compares the processor time with that in an archive of {FEW:,} knees. Times on the clock",
        "grow with whatever else the machine does, processor time less.",
        "",
        *(f"- {name}: {what}" for name, what in machine().items()),
        "",
        row_of(COLUMNS),
        row_of(("---", *("---:" for _ in COLUMNS[1:]))),
        *map(row_of, rows),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
