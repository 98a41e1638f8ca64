"""Stores the results of a batch in the same way as the daemon, except that the originals stay in their place."""

from __future__ import annotations

from koa_worker import __version__
from koa_worker.batch.entries import Kept
from koa_worker.store import Store
from koa_worker.values import Rejected

_WORKER = "batch"


def put_into_store(store: Store, kept: Kept, place: str, model_digest: str, *, reports: bool) -> None:
    """Stores a result once, even if it is called again: a kill may happen between store and ledger.

    Without `reports` no report becomes due: else the next daemon would write the reports of a whole archive.
    """
    arrival = kept.arrival
    if not store.files.take(arrival, _WORKER).begun:
        return
    if isinstance(kept.result, Rejected):
        settled = store.files.reject(arrival.id, kept.result, place)
    else:
        settled = store.files.complete(arrival.id, kept.result, model_digest, __version__, place)
    if not reports and settled.study_key is not None:
        store.reports.leave_unreported(settled.study_key, settled.revision)
