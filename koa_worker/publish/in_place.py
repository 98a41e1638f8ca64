"""Writes the result objects of studies into a folder, without a queue, a daemon or a PACS."""

from __future__ import annotations

from pathlib import Path

from koa_worker.config import ResultSettings
from koa_worker.store import Store

IN_PLACE = "in_place"  # a store must know its destinations before the reports are written


def write_objects(store: Store, settings: ResultSettings, folder: Path) -> tuple[Path, ...]:
    """The objects of all studies of DICOM images in the store, each under its UID."""
    # Imported here, because the libraries load slowly and most calls make no objects.
    from koa_worker.publish.objects.base import write_object  # noqa: PLC0415
    from koa_worker.publish.objects.study_objects import ResultObjects  # noqa: PLC0415

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    objects, written = ResultObjects(settings, store), []
    for ticket in store.sending.publications_due([IN_PLACE]):
        for made in objects.of_study(store.studies.content(ticket.study_key).reported, ticket):
            path = folder / f"{made.sop_uid}.dcm"
            write_object(path, made.make())
            written.append(path)
    return tuple(written)
