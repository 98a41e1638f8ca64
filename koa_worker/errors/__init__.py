"""Every error that the program reports, with its code, its sentence and its remedy.

All errors have one base class. A code names one cause. `make docs` writes `docs/errors.md` from `CATALOGUE`.
`detail` gives the details of one case; it never contains a patient's data or a file's name.
"""

from koa_worker.errors.catalogue import CATALOGUE, explain
from koa_worker.errors.entry import CatalogueEntry, Fault
from koa_worker.errors.exceptions import (
    InputRejected,
    KoaError,
    Lost,
    NotStarted,
    SetupError,
    Unfinished,
    UnknownRecord,
    WorkFailed,
    WrongState,
    belonging_to,
)
from koa_worker.errors.of_files import OWN_RESULT

__all__ = [
    "CATALOGUE",
    "OWN_RESULT",
    "CatalogueEntry",
    "Fault",
    "InputRejected",
    "KoaError",
    "Lost",
    "NotStarted",
    "SetupError",
    "Unfinished",
    "UnknownRecord",
    "WorkFailed",
    "WrongState",
    "belonging_to",
    "explain",
]
