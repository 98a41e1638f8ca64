"""The counts of what an erasure would remove; no line names a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from koa_worker.config import Config
from koa_worker.custody import places
from koa_worker.custody.search import SearchResult


def lines(settings: Config, finding: SearchResult) -> Iterator[tuple[str, str]]:
    """Each kind of data with its number."""
    found = finding.belongings
    states = Counter(str(file.state) for file in found.files)
    by_state = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    alone = len(finding.by_header - {file.id for file in found.files})
    yield "studies", str(len(found.studies))
    yield "files", f"{len(found.files)} ({by_state})" if by_state else "0"
    yield "files without a record", str(alone)
    yield "files in the inbox", str(len(finding.in_inbox))
    yield "reports", str(sum(place.report is not None for place in (*found.studies, *found.touched)))
    yield "results not sent yet", str(len(found.objects))
    yield "grades of readers", str(found.readings)
    yield "uploads", str(found.uploads)
    if found.touched:
        yield "studies of others changed", f"{len(found.touched)}; the next start of the daemon writes their reports"
    if found.sent:
        yield "not removed", f"{found.sent} results that were sent: delete them in the PACS"
    if outside := sum(places.is_outside(settings, file.filed_as) for file in found.files):
        yield "not removed", f"{outside} originals that were graded in place: delete them where they are"
