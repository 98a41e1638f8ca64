"""A site with two patients: one with data of every kind in every state, and another one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom

from koa_worker import synthetic
from koa_worker.config import Config, DestinationSettings
from koa_worker.intake import claim, prepare_folders, scan
from koa_worker.pipeline import Pipeline
from koa_worker.publish.outbox import Outbox
from koa_worker.store import State, Store, UploadRecord
from koa_worker.store.records.belongings import Whose
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Failed, Side, new_id
from koa_worker.workers.file_steps import FileSteps

VICTIM = Person("Forgetova^Anna", "FRG-4711", "19580314", "F")
OTHER = Person("Stayer^Boris", "STY-0815", "19601231", "M")
ISSUER = "HOSP-A"
ACCESSION = "ACC-0606"
UID = "1.2.826.0.1.4711.99.1"
BY_ID = Whose(patient_id=VICTIM.id)
SECRETS = ("forgetova", "frg-4711", "acc-0606", "1.2.826.0.1.4711", "19580314", "1958-03-14")


@dataclass
class Site:
    """Folders, a store and the real steps of a worker process."""

    settings: Config
    store: Store
    steps: FileSteps

    def write(self, path: Path, who: Person, *, seed: int, study: str, accession: str = ACCESSION, **said: Any) -> Path:
        plate = synthetic.crop(synthetic.KneeSpec(Side.RIGHT, severity=seed % 5), size=260, seed=seed)
        write_dicom(path, plate, patient=who, study_uid=study)
        header = pydicom.dcmread(path)
        header.AccessionNumber, header.IssuerOfPatientID = accession, ISSUER
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"{study}.{seed}"
        for keyword, value in said.items():
            setattr(header, keyword, value)
        header.save_as(path)
        return path

    def drop(self, name: str, who: Person, *, seed: int, study: str, **said: Any) -> None:
        self.write(self.settings.folders.inbox / name, who, seed=seed, study=study, **said)

    def work_off(self) -> None:
        for waiting in scan(self.settings.folders.inbox).oldest:
            taken = claim(waiting, self.settings.folders.work)
            assert taken is not None
            self.steps.work(taken)

    def upload(self, seed: int) -> None:
        """As the page does; the name on the user's machine names the patient."""
        upload_id = new_id()
        landed = self.settings.folders.inbox / f"upload-{upload_id}.dcm"
        self.write(landed, VICTIM, seed=seed, study=f"{UID}.1")
        data = landed.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"Forgetova {seed}.dcm"
        self.store.uploads.record(UploadRecord(upload_id, sha256, len(data), name, landed.name, "u", datetime.now(UTC)))

    def fail(self, seed: int, *, parked: bool) -> None:
        """A file whose grading failed: it waits in the work folder for its next try, or for a person."""
        self.drop(f"Forgetova failed {seed}.dcm", VICTIM, seed=seed, study=f"{UID}.2")
        (waiting,) = scan(self.settings.folders.inbox).oldest
        taken = claim(waiting, self.settings.folders.work)
        assert taken is not None
        arrival = taken.load(0)[0]
        assert self.store.files.take(arrival, "w").begun
        tries = 1 if parked else 9
        self.store.files.fail(arrival.id, Failed(arrival, "timed_out", ""), max_tries=tries, now=datetime.now(UTC))
        if parked:
            self.steps.work(taken)

    def read(self, study_uid: str) -> None:
        """A reader's grade, with a comment that names the patient."""
        for study in self.store.found.of(Whose(study=study_uid)):
            for file in study.files:
                self.store.reader_grades.record(file.file, 0, reader="r", kl=2, comment="Forgetova again")

    def files(self) -> set[Path]:
        """Everything that lies in the folders, apart from the database and locks."""
        root = self.settings.folders.inbox.parents[1]
        found = {path for path in root.rglob("*") if path.is_file() and not path.name.startswith("koa.sqlite3")}
        return {path for path in found if path.name != ".lock"}

    def traces(self) -> list[str]:
        """All places where a name, an id or a UID of the patient is still in a file's bytes or name."""
        root = self.settings.folders.inbox.parents[1]
        found = []
        for path in sorted(root.rglob("*")):
            data = str(path.relative_to(root)).lower().encode()
            data += path.read_bytes().lower() if path.is_file() else b""
            found += [f"{path.relative_to(root)}: {secret}" for secret in SECRETS if secret.encode() in data]
        return found

    def fill(self, nobodys_port: int) -> None:
        """All kinds of data of the one patient; of the other one a graded study with a report and objects."""
        inbox = self.settings.folders.inbox
        self.send_to(nobodys_port)
        self.drop("Stayer.dcm", OTHER, seed=1, study="1.2.826.0.1.1", accession="OTHER-1")
        self.drop("Stayer letter.dcm", OTHER, seed=2, study="1.2.826.0.1.1", accession="OTHER-1", Modality="MR")
        for seed in (3, 4):
            self.drop(f"Forgetova {seed}.dcm", VICTIM, seed=seed, study=f"{UID}.1")
        self.work_off()
        self.drop("Forgetova again.dcm", VICTIM, seed=3, study=f"{UID}.1")  # the same bytes
        self.drop("Forgetova MR.dcm", VICTIM, seed=5, study=f"{UID}.1", Modality="MR")  # rejected, of the study
        self.drop("Forgetova alone.dcm", VICTIM, seed=6, study=f"{UID}.3", Modality="MR")  # rejected, of a study alone
        whole = self.write(inbox / "Forgetova cut.dcm", VICTIM, seed=7, study=f"{UID}.4").read_bytes()
        (inbox / "Forgetova cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\0\0" + whole[150:])  # unreadable
        (inbox / "letter.txt").write_bytes(b"not a radiograph")
        self.upload(8)
        self.work_off()
        Outbox(self.settings, self.store).work()
        own = next(path for path in self.settings.dicom.results.folder.glob("*.dcm") if b"FRG" in path.read_bytes())
        (inbox / "came back.dcm").write_bytes(own.read_bytes())
        self.work_off()
        self.fail(9, parked=True)
        self.fail(10, parked=False)
        self.read(f"{UID}.1")
        self.drop("Forgetova waits.dcm", VICTIM, seed=11, study=f"{UID}.5")
        (inbox / "sub").mkdir(exist_ok=True)
        self.drop("sub/Forgetova waits too.dcm", VICTIM, seed=12, study=f"{UID}.5")
        self.upload(13)

    def send_to(self, port: int) -> None:
        there = DestinationSettings(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, timeout_seconds=1)
        dicom = self.settings.dicom.model_copy(update={"destinations": (there,)})
        self.settings = self.settings.model_copy(update={"dicom": dicom})
        self.store.sending.know_destinations([there.name])  # before the reports, which it is to get

    def states(self) -> set[State]:
        return {state for state, count in self.store.counts.status().counts.items() if count}


@contextmanager
def site_in(folder: Path, pipeline: Pipeline, url: str = "") -> Iterator[Site]:
    settings = Config().below(folder)
    if url:
        settings = settings.with_store(url)
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store:
        yield Site(settings, store, FileSteps(settings, store, pipeline))
