"""Puts objects into a folder, from which another program reads them."""

from __future__ import annotations

import errno
from collections.abc import Generator, Sequence
from pathlib import Path

from koa_worker.config import DestinationSettings
from koa_worker.publish.answers import DeliveryAnswer, Parcel, Receipt, Unreachable, gone
from koa_worker.publish.written import bytes_for
from koa_worker.system.durable import whole_file

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def send(destination: DestinationSettings, parcels: Sequence[Parcel]) -> Generator[Receipt, None, None]:
    """Writes each object completely or not at all, under its UID. A missing folder is not made: it may be a share."""
    folder = Path(destination.folder)
    for parcel in parcels:
        missing = gone(parcel)
        if missing is not None:
            yield missing
            continue
        data = bytes_for(destination, parcel.path)
        path = folder / parcel.path.name
        try:
            with whole_file(path, path.with_suffix(".part")) as stream:
                stream.write(data)
        except OSError as fault:
            if fault.errno in _FULL:
                yield Receipt(parcel, DeliveryAnswer.BUSY, "no space")
                continue
            raise Unreachable(fault.strerror or type(fault).__name__) from None
        yield Receipt(parcel, DeliveryAnswer.TAKEN)
