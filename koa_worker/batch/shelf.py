"""What was found, into the store: as the daemon would have put it there, except that the original stays where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koa_worker import __version__
from koa_worker.batch.entries import Kept
from koa_worker.store import Store
from koa_worker.values import Completed

_WORKER = "batch"


def put_on_shelf(store: Store, kept: Kept, place: str, model_digest: str) -> None:
    """Once, however often it is called: a kill may have come between the store and the ledger."""
    arrival = kept.arrival
    if not store.take(arrival, _WORKER).begun:
        return
    if isinstance(kept.outcome, Completed):
        outcome = replace(kept.outcome, radiograph=replace(kept.outcome.radiograph, pixels=_blank(kept.shape)))
        store.complete(arrival.id, outcome, model_digest, __version__, place, drawn=kept.drawn)
    else:
        store.reject(arrival.id, kept.outcome, place)


def _blank(shape: tuple[int, int]) -> NDArray[Any]:
    """A frame of that size that takes no memory: its pictures have been drawn already."""
    return np.broadcast_to(np.zeros((), np.uint8), shape)
