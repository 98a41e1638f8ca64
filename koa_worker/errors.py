"""Every error that the program reports, with its code, its sentence and its remedy.

All errors have one base class. A code names one cause. `make docs` writes `docs/errors.md` from `CATALOGUE`.
`detail` says what differs from case to case; it never contains a patient's data or a file's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from koa_worker.values import Patient, RefusedKnee, Study


class Fault(StrEnum):
    """The side that caused the error, which decides what happens to the file."""

    FILE = "rejected"  # set aside with its reason; a retry would not help
    OURS = "failed"  # retried
    SETUP = "setup"  # the worker does not start
    CALLER = "refused"  # the page or the API refuses a request


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    fault: Fault
    sentence: str
    remedy: str

    def sentence_with(self, detail: str | None) -> str:
        """The sentence, and in brackets what differs from case to case."""
        return f"{self.sentence[:-1]} ({detail})." if detail else self.sentence


OWN_RESULT = "own_result"  # rejected like any other, and yet nobody's fault

CATALOGUE: dict[str, CatalogueEntry] = {
    # reading
    "empty_file": CatalogueEntry(Fault.FILE, "The file is empty.", "Export it again."),
    "unknown_format": CatalogueEntry(
        Fault.FILE,
        "The file is not DICOM, PNG, JPEG, TIFF or BMP.",
        "Export the radiograph as DICOM or in one of these image formats.",
    ),
    "too_large": CatalogueEntry(
        Fault.FILE,
        "The file or its image is larger than the limit.",
        "Check that it is a radiograph. If it is, raise [limits] max_file_mb or max_megapixels.",
    ),
    "truncated": CatalogueEntry(Fault.FILE, "The file is truncated: its end is missing.", "Export or copy it again."),
    "damaged": CatalogueEntry(
        Fault.FILE,
        "The file is corrupt: its header and contents do not match or cannot be decoded.",
        "Export it again from the PACS.",
    ),
    "encrypted": CatalogueEntry(
        Fault.FILE,
        "The pixel data or the header of the file is encrypted.",
        "Export it without encryption, or decrypt it first.",
    ),
    "dicomdir": CatalogueEntry(
        Fault.FILE,
        "The file is a DICOMDIR: an index of other files, not an image.",
        "Copy the image files that it lists into the inbox. The DICOMDIR itself is not needed.",
    ),
    "no_pixels": CatalogueEntry(
        Fault.FILE,
        "The DICOM object contains no image.",
        "Export the image object, not a report or a presentation state.",
    ),
    "multi_frame": CatalogueEntry(
        Fault.FILE,
        "The DICOM object contains several frames.",
        "Export single radiographs. Cine and tomosynthesis objects cannot be graded.",
    ),
    "unsupported_modality": CatalogueEntry(
        Fault.FILE,
        "The DICOM object is not a projection radiograph.",
        "Send only CR, DX, RG or secondary capture objects.",
    ),
    "unsupported_syntax": CatalogueEntry(
        Fault.FILE,
        "The DICOM transfer syntax is unknown or is not meant for still images.",
        "Export with a transfer syntax listed in docs/formats.md, for example Explicit VR Little Endian.",
    ),
    "unsupported_pixels": CatalogueEntry(
        Fault.FILE,
        "The pixel format is not one that radiographs have.",
        "Export the file as a grayscale image of 8 to 16 bits per pixel.",
    ),
    "own_result": CatalogueEntry(
        Fault.FILE,
        "The file is a result of koa-worker itself.",
        "Nothing is to be done: results are not graded. If possible, do not route them to the worker.",
    ),
    # finding the knee
    "no_knee": CatalogueEntry(
        Fault.FILE,
        "No knee joint was found in the image.",
        "Check the image. koa-worker process --debug-roi DIR draws what was measured.",
    ),
    "knee_not_found": CatalogueEntry(
        Fault.FILE,
        "The other knee was not found in the image.",
        "Have a reader grade that knee. koa-worker process --debug-roi DIR draws what was measured.",
    ),
    "blank": CatalogueEntry(
        Fault.FILE, "The image is blank or almost blank.", "Check the exposure and the export of this radiograph."
    ),
    "too_small": CatalogueEntry(
        Fault.FILE,
        "The knee has too few pixels for the model.",
        "Export the radiograph at its full resolution.",
    ),
    # the quality gate
    "other_part": CatalogueEntry(
        Fault.FILE,
        "The header names a body part other than the knee.",
        "Send only knees. If it is a knee, correct Body Part Examined and export it again.",
    ),
    "other_view": CatalogueEntry(
        Fault.FILE,
        "This is not a frontal view of the knee.",
        "Grade an AP or PA view. The scale does not apply to lateral and skyline views.",
    ),
    "not_a_knee": CatalogueEntry(
        Fault.FILE,
        "The region that was found does not look like a knee in a frontal view.",
        "Check the image. If it shows an upright knee from the front, have a reader grade it.",
    ),
    "implant": CatalogueEntry(
        Fault.FILE,
        "There is an implant or other metal over the joint.",
        "No action is needed: the scale does not apply to a joint that is replaced or hidden.",
    ),
    "cut_off": CatalogueEntry(
        Fault.FILE,
        "The edge of the image cuts off a part of the joint.",
        "Export the whole frame, or repeat the exposure with the whole joint in it.",
    ),
    "poor_exposure": CatalogueEntry(
        Fault.FILE,
        "The exposure of the joint is so poor that the bone cannot be seen.",
        "Check exposure and window, and export the radiograph again.",
    ),
    "blurred": CatalogueEntry(
        Fault.FILE,
        "The joint is too blurred for a grade.",
        "Export the radiograph at its full resolution, or repeat the exposure.",
    ),
    "coloured": CatalogueEntry(
        Fault.FILE,
        "The image is in colour: it is a photograph or a document, not a radiograph.",
        "Export the radiograph itself, as DICOM or as a grayscale image.",
    ),
    # the worker's own errors
    "internal": CatalogueEntry(
        Fault.OURS,
        "The worker had an internal error.",
        "The worker retries the file. If the error persists, report the lines from the log.",
    ),
    "io": CatalogueEntry(
        Fault.OURS,
        "A file could not be read or written.",
        "Check the disk, its free space and the permissions with koa-worker doctor.",
    ),
    "store": CatalogueEntry(
        Fault.OURS, "The database did not answer.", "Check the database and its address with koa-worker doctor."
    ),
    "unknown_record": CatalogueEntry(
        Fault.OURS,
        "The database has no such record.",
        "Check the ID, and that [store] url is the right database. koa-worker export lists files and studies.",
    ),
    "wrong_state": CatalogueEntry(
        Fault.OURS,
        "The file is no longer in the state that this step needs.",
        "No action is needed: another worker process has changed it, and the step is decided again from its new state.",
    ),
    "worker_crashed": CatalogueEntry(
        Fault.OURS,
        "The worker process that graded the file died.",
        "A new process retries the file. If the error persists, report the file's format and the lines from the log.",
    ),
    "timed_out": CatalogueEntry(
        Fault.OURS,
        "The file took longer than the timeout.",
        "The worker retries the file. If the error persists on an idle machine, raise [limits] seconds_per_file.",
    ),
    "out_of_memory": CatalogueEntry(
        Fault.OURS,
        "The file needed more memory than the limit.",
        "The worker retries the file. If the error persists, raise [limits] memory_mb or lower max_megapixels.",
    ),
    "in_flight": CatalogueEntry(
        Fault.OURS,
        "Files that are to be erased are being worked on.",
        "Nothing was erased. Run the same command again, or stop the daemon first.",
    ),
    "cluster_lost": CatalogueEntry(
        Fault.OURS,
        "The cluster no longer answers.",
        "Start the cluster again and run the same command. Finished work is kept.",
    ),
    "no_place": CatalogueEntry(
        Fault.OURS,
        "The original lacks the UIDs that its result objects need.",
        "No action is needed: the report is written, but no DICOM objects are sent.",
    ),
    # setup
    "config": CatalogueEntry(
        Fault.SETUP,
        "The configuration is invalid.",
        "Correct the named line of config.toml or the named environment variable.",
    ),
    "secret_file": CatalogueEntry(
        Fault.SETUP,
        "A file with a secret cannot be used.",
        "Check that it exists, that the worker's account may read it, and that it contains exactly one line.",
    ),
    "model_missing": CatalogueEntry(
        Fault.SETUP,
        "A file of the model release is missing.",
        "Reinstall koa-worker, or point [model] path at a complete release folder.",
    ),
    "not_a_release": CatalogueEntry(
        Fault.SETUP,
        "This is not a model release. A release is a folder with manifest.json and the LiteRT models that it names.",
        "Train with koa-train fit --start, make a release with koa-train export, and set [model] path to that folder.",
    ),
    "model_altered": CatalogueEntry(
        Fault.SETUP,
        "A file of the model release does not match the manifest.",
        "Restore the release. The worker never grades with a changed model.",
    ),
    "site_missing": CatalogueEntry(
        Fault.SETUP,
        "The file of the site's scale cannot be read.",
        "Correct [model] site or --site, or make the file with koa-worker calibrate.",
    ),
    "site_altered": CatalogueEntry(
        Fault.SETUP,
        "The file of the site's scale was changed after koa-worker calibrate wrote it.",
        "Restore the file, or make it again with koa-worker calibrate. It must not be edited.",
    ),
    "site_other_release": CatalogueEntry(
        Fault.SETUP,
        "The site's scale was fitted to another model release.",
        "Run koa-worker calibrate again with this release and the same grades, or set [model] path to that release.",
    ),
    "grades_unusable": CatalogueEntry(
        Fault.SETUP,
        "The grades to calibrate to cannot be used.",
        "Give a CSV file with the columns path and kl, or sop_uid, side and kl. See docs/calibration.md.",
    ),
    "too_few_grades": CatalogueEntry(
        Fault.SETUP,
        "There are too few graded knees to calibrate.",
        "Have readers grade at least 30 knees, of all grades that occur.",
    ),
    "training_missing": CatalogueEntry(
        Fault.SETUP,
        "A package that the training commands need is not installed.",
        "Install it with pip install 'koa-worker[train]'.",
    ),
    "store_newer": CatalogueEntry(
        Fault.SETUP,
        "The database was made by a newer version of koa-worker.",
        "Update koa-worker, or point [store] url at another database.",
    ),
    "store_older": CatalogueEntry(
        Fault.SETUP,
        "The database was made by an older version of koa-worker.",
        "Stop all daemons, back the database up, and run koa-worker db upgrade.",
    ),
    "store_missing": CatalogueEntry(
        Fault.SETUP,
        "There is no database yet.",
        "Start koa-worker run, which makes it. If there should be one, correct [store] url or mount its disk.",
    ),
    "store_backup": CatalogueEntry(
        Fault.SETUP,
        "The database could not be backed up before its upgrade.",
        "Nothing was changed. Free as much space as the database has beside it, and check the folder's permissions.",
    ),
    "several_issuers": CatalogueEntry(
        Fault.SETUP,
        "This patient id was given by more than one issuer: it may be that of several persons.",
        "Nothing was erased. Name one with --issuer; --issuer '' means the ids without one.",
    ),
    "store_copy": CatalogueEntry(
        Fault.SETUP,
        "The database was not copied.",
        "Nothing was written. Give an empty database as the target.",
    ),
    "receiver": CatalogueEntry(
        Fault.SETUP,
        "The DICOM receiver cannot listen.",
        "Correct [dicom.receiver] host, port or the TLS files. A port below 1024 needs special rights.",
    ),
    "web": CatalogueEntry(
        Fault.SETUP,
        "The web page cannot be served.",
        "Correct [web] host and port. A proxy, or a host other than loopback, needs users: run koa-worker user add.",
    ),
    "password": CatalogueEntry(
        Fault.SETUP,
        "The password cannot be used.",
        "Choose another one. A few unrelated words are easy to remember and hard to guess.",
    ),
    "batch_source": CatalogueEntry(
        Fault.SETUP,
        "The source of the batch cannot be read.",
        "Give a folder, a URL of an object store, or a manifest. A URL may need another package, such as s3fs for s3://.",
    ),
    "batch_results": CatalogueEntry(
        Fault.SETUP, "The results folder cannot be used.", "Choose another --results folder, on a disk with free space."
    ),
    "batch_other": CatalogueEntry(
        Fault.SETUP,
        "The results folder belongs to another model, version or review threshold.",
        "Choose a new --results folder. Results of different models or settings are not mixed.",
    ),
    "batch_busy": CatalogueEntry(
        Fault.SETUP, "Another run is using this results folder.", "Wait until that run has ended, or stop it."
    ),
    "cluster": CatalogueEntry(
        Fault.SETUP,
        "The cluster cannot be used.",
        "Install the same version of koa-worker[cluster] here and on every worker, and check --cluster.",
    ),
    "folders": CatalogueEntry(
        Fault.SETUP,
        "The folders cannot be used as configured.",
        "Correct [folders], or create them with the right permissions.",
    ),
    "account": CatalogueEntry(
        Fault.SETUP,
        "This is not the account that the worker runs as.",
        "Run the command as the owner. Another account's files would keep the service from starting.",
    ),
    "destination": CatalogueEntry(
        Fault.SETUP,
        "A destination does not answer or does not accept the worker.",
        "Compare [[dicom.destinations]] with the PACS: host, port, both AE titles, TLS.",
    ),
    "tls": CatalogueEntry(
        Fault.SETUP,
        "A file for TLS cannot be used.",
        "Correct its path and permissions, or renew the certificate.",
    ),
    "clock": CatalogueEntry(
        Fault.SETUP,
        "The clock of this machine is wrong.",
        "Set it, and keep it right with NTP.",
    ),
    # requests to the page or the API
    "bad_request": CatalogueEntry(
        Fault.CALLER,
        "The request is invalid.",
        "Compare it with /api/v1/openapi.json.",
    ),
    "not_logged_in": CatalogueEntry(
        Fault.CALLER,
        "Nobody is logged in, or the session has ended.",
        "Log in. A script sends a token that koa-worker user token makes.",
    ),
    "wrong_password": CatalogueEntry(
        Fault.CALLER,
        "The name or the password is wrong.",
        "Try again, or ask an administrator to set a new password with koa-worker user password.",
    ),
    "not_allowed": CatalogueEntry(
        Fault.CALLER,
        "The user's role does not allow this.",
        "Ask an administrator for an account with another role.",
    ),
    "blind_reading": CatalogueEntry(
        Fault.CALLER,
        "What the model says is hidden from a blind reader.",
        "Read all knees of the study first. [web] blind_readers names who reads blind.",
    ),
    "not_here": CatalogueEntry(
        Fault.CALLER,
        "Unknown host name, or a remote client while no users exist.",
        "Add the name to [web] names, or create a user with koa-worker user add.",
    ),
    "forged": CatalogueEntry(
        Fault.CALLER,
        "The request was not sent from this page, or the page was loaded too long ago.",
        "Reload the page and try again.",
    ),
    "not_found": CatalogueEntry(
        Fault.CALLER,
        "There is nothing at this address.",
        "Check the address for typing errors.",
    ),
    "too_many": CatalogueEntry(
        Fault.CALLER,
        "Too many requests: the rate limit is reached.",
        "Wait, then try again. The Retry-After header gives the seconds to wait.",
    ),
    "too_slow": CatalogueEntry(
        Fault.CALLER,
        "The upload took longer than the timeout.",
        "Use a faster connection, or raise [web] upload_seconds.",
    ),
    "no_room": CatalogueEntry(
        Fault.CALLER,
        "No uploads are accepted now: too many files are waiting, or a disk is full.",
        "Look at koa-worker status, and try again later.",
    ),
}


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

    It knows the study and patient, as far as the header could be read, and never names them in its text. It also knows
    the knees that were seen and refused.
    """

    study: Study | None = None
    patient: Patient | None = None
    refused: tuple[RefusedKnee, ...] = ()


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
    """Nothing has the id that was asked for: it is wrong, or its record is not there yet or not any more."""

    exit_code = 2


class WrongState(WorkFailed):
    """The database answered: another worker process has taken the record further meanwhile."""


class Unfinished(WorkFailed):
    """A batch stopped before its end; the same command resumes it."""

    exit_code = 3


class NotStarted(WorkFailed):
    """A run with an end could not begin, because something that it needs does not answer."""

    exit_code = 2


class Lost(WorkFailed):
    """The database or a folder was lost while running; the same command goes on when it is back."""

    exit_code = 4


class SetupError(KoaError):
    """The worker cannot start."""

    exit_code = 2


def explain(code: str, detail: str = "") -> str:
    """The text for a person: what happened, the details of this case, and what to do."""
    entry = CATALOGUE[code]
    return f"{entry.sentence_with(detail)} {entry.remedy}"
