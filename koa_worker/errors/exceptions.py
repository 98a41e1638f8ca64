"""The exceptions: all have one base class, and carry a code of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from koa_worker.errors.catalogue import CATALOGUE, explain
from koa_worker.errors.entry import CatalogueEntry
from koa_worker.values import Patient, RefusedKnee, Study


class KoaError(Exception):
    """Base of all errors that this program raises on purpose."""

    exit_code = 1

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def entry(self) -> CatalogueEntry:
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        return explain(self.code, self.detail)


class InputRejected(KoaError):
    """The file caused the error; a retry would not help.

    It carries the study and patient, as far as the header could be read, and never names them in its text. It also
    carries the knees that were seen and refused, and whether one of these is certainly a knee.
    """

    study: Study | None = None
    patient: Patient | None = None
    refused: tuple[RefusedKnee, ...] = ()
    knee_seen: bool = False


@contextmanager
def belonging_to(study: Study, patient: Patient) -> Iterator[None]:
    """Adds study and patient to an `InputRejected` that is raised within the block."""
    try:
        yield
    except InputRejected as fault:
        fault.study, fault.patient = study, patient
        raise


class WorkFailed(KoaError):
    """The worker or its surroundings caused the error; it is retried."""


class UnknownRecord(WorkFailed):
    """There is no record with this id: the id is wrong, or its record does not exist yet or was deleted."""

    exit_code = 2


class WrongState(WorkFailed):
    """The database answered: another worker process has changed the state of the record meanwhile."""


class Unfinished(WorkFailed):
    """A batch stopped before its end; the same command resumes it."""

    exit_code = 3


class NotStarted(WorkFailed):
    """A run with an end could not begin, because something that it needs does not answer."""

    exit_code = 2


class Lost(WorkFailed):
    """The database or a folder was lost while running; the same command resumes when it is back."""

    exit_code = 4


class SetupError(KoaError):
    """The worker cannot start."""

    exit_code = 2
