"""Every way in which something can go wrong, with its code and what to do about it.

One base class. A code names one cause; `CATALOGUE` holds its sentence and its remedy, and `docs/errors.md` has an
entry for each. `detail` is for what differs from case to case and never holds a patient's data or a file's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault it is, which decides what happens to the file."""

    FILE = "rejected"  # set aside with its reason; trying again would not help
    OURS = "failed"  # tried again
    SETUP = "setup"  # the worker does not start
    CALLER = "refused"  # a request to the page is not answered as asked


@dataclass(frozen=True, slots=True)
class Entry:
    fault: Fault
    sentence: str
    remedy: str


CATALOGUE: dict[str, Entry] = {
    # reading
    "empty_file": Entry(Fault.FILE, "The file is empty.", "Export it again."),
    "unknown_format": Entry(
        Fault.FILE,
        "The file is neither DICOM nor PNG, JPEG, TIFF or BMP.",
        "Export the radiograph as DICOM or as one of these picture formats.",
    ),
    "too_large": Entry(
        Fault.FILE,
        "The file or its picture is larger than the limit.",
        "Check that it is a radiograph; if so, raise [limits] max_file_mb or max_megapixels.",
    ),
    "truncated": Entry(Fault.FILE, "The file ends before its contents do.", "Export or copy it again."),
    "damaged": Entry(Fault.FILE, "The contents of the file contradict themselves.", "Export it again from the PACS."),
    "encrypted": Entry(
        Fault.FILE, "The file's picture or header is encrypted.", "Export it without encryption, or decrypt it first."
    ),
    "dicomdir": Entry(
        Fault.FILE,
        "The file is a DICOMDIR: a table of contents, not a picture.",
        "Drop the image files that it lists; the DICOMDIR itself is not needed.",
    ),
    "no_pixels": Entry(
        Fault.FILE,
        "The DICOM object holds no picture.",
        "Export the image object, not a report or presentation state.",
    ),
    "multi_frame": Entry(
        Fault.FILE,
        "The DICOM object holds several frames.",
        "Export single radiographs; cine and tomosynthesis objects cannot be graded.",
    ),
    "unsupported_modality": Entry(
        Fault.FILE,
        "The DICOM object is not a projection radiograph.",
        "Send CR, DX, RG or secondary-capture objects only.",
    ),
    "unsupported_syntax": Entry(
        Fault.FILE,
        "The DICOM transfer syntax is not a still-image one, or not known.",
        "Export with one of the syntaxes listed in docs/formats.md, for instance Explicit VR Little Endian.",
    ),
    "unsupported_pixels": Entry(
        Fault.FILE,
        "The picture's pixel layout is not one that a radiograph has.",
        "Export it as a gray image of 8 to 16 bits.",
    ),
    # finding the knee
    "no_knee": Entry(
        Fault.FILE,
        "No knee joint was found in the picture.",
        "Check the picture with koa-worker process --debug-roi DIR, which draws what was measured.",
    ),
    "knee_not_found": Entry(
        Fault.FILE,
        "The other knee was not found in the picture.",
        "Have a reader grade that knee; koa-worker process --debug-roi DIR draws what was measured.",
    ),
    "blank": Entry(
        Fault.FILE, "The picture is blank or nearly so.", "Check the exposure and the export of this radiograph."
    ),
    "too_small": Entry(
        Fault.FILE,
        "The knee is smaller in pixels than the net can grade.",
        "Export the radiograph at its full resolution.",
    ),
    # the gate
    "other_part": Entry(
        Fault.FILE,
        "The header names another part of the body than the knee.",
        "Send knees only; if it is a knee, correct Body Part Examined and export it again.",
    ),
    "other_view": Entry(
        Fault.FILE,
        "This is not a frontal view of the knee.",
        "Grade an AP or PA view; the scale does not apply to lateral and skyline views.",
    ),
    "not_a_knee": Entry(
        Fault.FILE,
        "What was found does not look like a knee seen from the front.",
        "Check the picture; if it is an upright frontal knee, have a reader grade it.",
    ),
    "implant": Entry(
        Fault.FILE,
        "There is an implant or other metal over the joint.",
        "Nothing is to be done: the scale does not apply to a joint that was replaced or is hidden.",
    ),
    "cut_off": Entry(
        Fault.FILE,
        "The edge of the picture cuts off a part of the joint.",
        "Export the whole frame, or repeat the exposure with the joint in it.",
    ),
    "poor_exposure": Entry(
        Fault.FILE,
        "The joint is exposed so badly that its bone cannot be seen.",
        "Check exposure and window, and export it again.",
    ),
    "blurred": Entry(
        Fault.FILE,
        "The joint is too blurred for a grade.",
        "Export the radiograph at its full resolution, or repeat the exposure.",
    ),
    "coloured": Entry(
        Fault.FILE,
        "The picture is in colour: a photograph or a document, not a radiograph.",
        "Export the radiograph itself, as DICOM or as a gray picture.",
    ),
    # ours
    "internal": Entry(
        Fault.OURS, "The worker ran into a fault of its own.", "It tries again; if it persists, report the log's lines."
    ),
    "io": Entry(
        Fault.OURS,
        "A file could not be read or written.",
        "Check the disk, its free space and the permissions with koa-worker doctor.",
    ),
    "store": Entry(
        Fault.OURS, "The database did not answer.", "Check the database and its address with koa-worker doctor."
    ),
    "unknown_record": Entry(
        Fault.OURS,
        "The database has no such record.",
        "Check the id, and that [store] url is the right database; koa-worker export lists files and studies.",
    ),
    "worker_crashed": Entry(
        Fault.OURS,
        "The process that graded the file came to a sudden end.",
        "It tries again in a new process; if it persists, report the file's format and the log's lines.",
    ),
    "timed_out": Entry(
        Fault.OURS,
        "The file took longer than the limit.",
        "It tries again; if it persists on an idle machine, raise [limits] seconds_per_file.",
    ),
    "out_of_memory": Entry(
        Fault.OURS,
        "The file needed more memory than the limit.",
        "It tries again; if it persists, raise [limits] memory_mb or lower max_megapixels.",
    ),
    "cluster_lost": Entry(
        Fault.OURS,
        "The cluster does not answer any more.",
        "Start it again and run the same command: what is done is kept.",
    ),
    "no_place": Entry(
        Fault.OURS,
        "The original lacks the UIDs that would give its result a place in a PACS.",
        "Nothing is to be done: the report is written all the same, only no DICOM objects are sent.",
    ),
    # setup
    "config": Entry(
        Fault.SETUP,
        "The configuration is not usable.",
        "Correct the named line of config.toml, or the named variable of the environment.",
    ),
    "secret_file": Entry(
        Fault.SETUP,
        "A file that should hold a secret cannot be used.",
        "Check that it exists, that the user that runs the worker may read it, and that it holds one line.",
    ),
    "model_missing": Entry(
        Fault.SETUP,
        "A file of the model release is missing.",
        "Reinstall koa-worker, or point [model] path at a complete release folder.",
    ),
    "not_a_release": Entry(
        Fault.SETUP,
        "This is not a model release, which is a folder with manifest.json and the LiteRT nets that it names.",
        "Train a net with koa-train fit --start, make a release of it with koa-train export, and name that folder.",
    ),
    "model_altered": Entry(
        Fault.SETUP,
        "A file of the model release is not the one that its manifest names.",
        "Restore the release; nothing is graded by a model that was changed.",
    ),
    "training_missing": Entry(
        Fault.SETUP,
        "What the training commands need is not installed.",
        "Install it with pip install 'koa-worker[train]'.",
    ),
    "store_newer": Entry(
        Fault.SETUP,
        "The database was made by a newer version of koa-worker.",
        "Update koa-worker, or point [store] url at another database.",
    ),
    "store_copy": Entry(
        Fault.SETUP,
        "The database was not copied.",
        "Nothing was written; give an empty database as the target.",
    ),
    "receiver": Entry(
        Fault.SETUP,
        "The DICOM receiver cannot listen.",
        "Correct [dicom.receiver] host, port or the TLS files; a port below 1024 needs special rights.",
    ),
    "web": Entry(
        Fault.SETUP,
        "The page cannot be served.",
        "Correct [web] host and port; an address other than loopback, or a proxy, needs users: koa-worker user add.",
    ),
    "password": Entry(
        Fault.SETUP,
        "The password cannot be used.",
        "Choose another one; a few words that do not belong together are easy to keep and hard to guess.",
    ),
    "batch_source": Entry(
        Fault.SETUP,
        "The source of the batch cannot be read.",
        "Name a folder, a URL of an object store, or a manifest; a URL may need another package, such as s3fs for s3://.",
    ),
    "batch_results": Entry(
        Fault.SETUP, "The folder for results cannot be used.", "Choose another --results, on a disk with room."
    ),
    "batch_other": Entry(
        Fault.SETUP,
        "The folder holds the results of another model, version or review threshold.",
        "Choose a new --results folder; results of different graders are not mixed.",
    ),
    "batch_busy": Entry(
        Fault.SETUP, "Another run is at work on this results folder.", "Wait until it has ended, or stop it."
    ),
    "cluster": Entry(
        Fault.SETUP,
        "The cluster cannot be used.",
        "Install koa-worker[cluster] in the same version here and on every worker, and check --cluster.",
    ),
    "folders": Entry(
        Fault.SETUP,
        "The folders cannot be used as configured.",
        "Correct [folders], or create them with enough rights.",
    ),
    # to the page
    "bad_request": Entry(
        Fault.CALLER,
        "The request cannot be understood.",
        "Compare it with /api/v1/openapi.json.",
    ),
    "not_logged_in": Entry(
        Fault.CALLER,
        "Nobody is logged in, or not any more.",
        "Log in; a script sends a token, made by koa-worker user token.",
    ),
    "wrong_password": Entry(
        Fault.CALLER,
        "Name or password is wrong.",
        "Try again, or have an administrator set a new one: koa-worker user password.",
    ),
    "not_allowed": Entry(
        Fault.CALLER,
        "The user's role does not allow this.",
        "Ask an administrator for a user with another role.",
    ),
    "not_here": Entry(
        Fault.CALLER,
        "The page is not served there, or not by that name.",
        "Put the name into [web] names; without users, ask from the machine and account that it runs on.",
    ),
    "forged": Entry(
        Fault.CALLER,
        "The request does not come from a page of ours, or from one that is too old.",
        "Load the page again, then repeat it.",
    ),
    "not_found": Entry(
        Fault.CALLER,
        "There is no such thing here.",
        "Check the address; it may have been typed by hand.",
    ),
    "too_many": Entry(
        Fault.CALLER,
        "Too many requests came in a short time.",
        "Wait as long as the answer says, then go on.",
    ),
    "too_slow": Entry(
        Fault.CALLER,
        "The upload took longer than the limit.",
        "Use a quicker line, or raise [web] upload_seconds.",
    ),
    "no_room": Entry(
        Fault.CALLER,
        "No uploads can be taken now: too many wait, or a disk is full.",
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
    def entry(self) -> Entry:
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        return explain(self.code, self.detail)


class InputRejected(KoaError):
    """The file's fault."""


class WorkFailed(KoaError):
    """Ours; worth another try."""


class UnknownRecord(WorkFailed):
    """Nothing has the id that was asked for: it is wrong, or its record is not there yet or not any more."""

    exit_code = 2


class Unfinished(WorkFailed):
    """A batch came to a stop before its end; the same command goes on."""

    exit_code = 3


class SetupError(KoaError):
    """The worker cannot start."""

    exit_code = 2


def explain(code: str, detail: str = "") -> str:
    """The sentence for a person: what happened, what in particular, what to do."""
    entry = CATALOGUE[code]
    particular = f" ({detail})" if detail else ""
    return f"{entry.sentence[:-1]}{particular}. {entry.remedy}"
