"""The same image again: in another encoding, with a corrected header, with another display, or with other pixels."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pypdf
import pytest
from pydicom import Dataset, uid

from koa_worker import synthetic
from koa_worker.config import Config, DestinationSettings
from koa_worker.intake import claim, left_over, scan
from koa_worker.pipeline import Pipeline
from koa_worker.publish.outbox import Outbox
from koa_worker.store import FileRecord, State, StudyRecord
from koa_worker.store.lifecycle.files import Files
from koa_worker.store.reports import Reports
from koa_worker.store.study.study_content import Studies
from koa_worker.synthetic.codecs import SYNTAXES, put_pixels
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Side
from koa_worker.workers import file_steps
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import Done, Regrade, WriteReport
from tests.integration.conftest import Hospital, hospital_in

OLD, NEW = Person("Wrongname^Anna", "P-1", "19500201", "F"), Person("Rightname^Anna", "P-1", "19500201", "F")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two images of one study, of which the first is sent again and again."""
    paths = []
    for seed, severity in enumerate((1.0, 3.0)):
        path = tmp_path_factory.mktemp("radiographs") / f"{seed}.dcm"
        plate = synthetic.crop(synthetic.KneeSpec(Side.RIGHT, severity=severity), size=260, seed=seed)
        write_dicom(path, plate, patient=OLD, study_uid="2.25.808")
        paths.append(path)
    return paths[0], paths[1]


@dataclass
class Site:
    """A hospital whose worker takes one file after the other, and whose PACS is away."""

    hospital: Hospital
    steps: FileSteps

    def send(self, source: Path | Dataset) -> FileRecord:
        """Lets a file come in, and gives what became of it."""
        target = self.hospital.settings.folders.inbox / "next.dcm"
        if isinstance(source, Path):
            target.write_bytes(source.read_bytes())
        else:
            source.save_as(target, enforce_file_format=True)
        (waiting,) = scan(self.hospital.settings.folders.inbox).oldest
        taken = claim(waiting, self.hospital.settings.folders.work)
        assert taken is not None
        self.steps.work(taken)
        Outbox(self.hospital.settings, self.hospital.store).work()
        record = self.hospital.store.files.find(taken.id)
        assert record is not None
        return record

    def study(self) -> StudyRecord:
        (key,) = {path.stem for path in self.hospital.settings.folders.reports.rglob("*.pdf")}
        return self.hospital.store.studies.content(key)

    def words(self) -> str:
        (path,) = self.hospital.settings.folders.reports.rglob("*.pdf")
        return " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages)

    def sent(self) -> list[str]:
        return [parcel.sop_uid for parcel in self.hospital.store.sending.parcels()]

    def history(self, file_id: str) -> dict[str, str]:
        return {event.kind: event.detail for event in self.hospital.store.files.events(file_id)}


@pytest.fixture
def site(tmp_path: Path, pipeline: Pipeline, nobodys_port: int) -> Iterator[Site]:
    with hospital_in(tmp_path) as hospital:
        hospital.sends_to(DestinationSettings(name="pacs", ae_title="PACS", host="127.0.0.1", port=nobodys_port))
        yield Site(hospital, FileSteps(hospital.settings, hospital.store, pipeline))


def private(dataset: Dataset) -> None:
    dataset.private_block(0x0019, "SOMEBODY", create=True).add_new(1, "LO", "a gateway's note")


def meta(dataset: Dataset) -> None:
    dataset.file_meta.ImplementationVersionName = "ANOTHER"
    dataset.file_meta.SourceApplicationEntityTitle = "SENDER"


def recoded(name: str) -> Callable[[Dataset], None]:
    def code(dataset: Dataset) -> None:
        pixels = dataset.pixel_array.astype(np.uint16)
        dataset.file_meta.TransferSyntaxUID = SYNTAXES[name].uid if name != "rle" else uid.ExplicitVRLittleEndian
        del dataset.PixelData
        put_pixels(dataset, pixels, SYNTAXES[name], 12)

    return code


WRAPPED: dict[str, Callable[[Dataset], None]] = {
    "group 0002": meta,
    "private elements": private,
    **{name: recoded(name) for name in ("implicit", "deflated", "rle", "jpeg-lossless", "jpeg-2000")},
}
BY_DCMTK = {
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG-LS": ("dcmcjpls", "+el"),
}


def assert_nothing_new(site: Site, first: FileRecord, again: FileRecord) -> None:
    assert (first.state, again.state, again.duplicate_of) == (State.COMPLETED, State.DUPLICATE, first.id)
    study = site.study()
    assert (len(study.images), study.report_revision, len(site.sent())) == (1, 1, 4)
    assert "updated" not in site.history(first.id)
    assert len(list(site.hospital.settings.folders.done.rglob("*.dcm"))) == 2


def test_the_same_bytes_change_nothing(site: Site, radiographs: tuple[Path, Path]) -> None:
    assert_nothing_new(site, site.send(radiographs[0]), site.send(radiographs[0]))


@pytest.mark.parametrize("how", WRAPPED)
def test_another_wrapping_changes_nothing(site: Site, radiographs: tuple[Path, Path], how: str) -> None:
    first = site.send(radiographs[0])
    again = pydicom.dcmread(radiographs[0])
    WRAPPED[how](again)
    assert_nothing_new(site, first, site.send(again))


@pytest.mark.parametrize("how", BY_DCMTK)
def test_what_another_program_wraps_changes_nothing(
    site: Site, radiographs: tuple[Path, Path], peer: Callable[[str], str], tmp_path: Path, how: str
) -> None:
    program, *options = BY_DCMTK[how]
    words = [peer(program), *options, str(radiographs[0]), str(tmp_path / "again.dcm")]
    subprocess.run(words, check=True, capture_output=True)
    assert_nothing_new(site, site.send(radiographs[0]), site.send(tmp_path / "again.dcm"))


def changed(source: Path, **said: Any) -> Dataset:
    dataset = pydicom.dcmread(source)
    for keyword, value in said.items():
        setattr(dataset, keyword, value)
    return dataset


def assert_updated(site: Site, first: FileRecord, again: FileRecord) -> StudyRecord:
    """The image is the same one; its report and its objects are new."""
    study = site.study()
    assert (again.state, again.duplicate_of, again.study_key) == (State.DUPLICATE, first.id, study.key)
    assert [image.file_id for image in study.images] == [first.id]
    assert (study.report_revision, len(site.sent()), len(set(site.sent()))) == (2, 8, 8)
    assert len(list(site.hospital.store.export.rows())) == 1
    assert site.hospital.store.counts.status().conflicts == 0
    return study


def test_a_corrected_name_reaches_report_and_results(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    again = site.send(changed(radiographs[0], PatientName=NEW.name))
    study = assert_updated(site, first, again)
    assert study.patient.name == "Rightname Anna"
    assert not study.images[0].patient_differs
    assert "Rightname Anna" in site.words()
    assert "Wrongname" not in site.words()
    newest = [pydicom.dcmread(parcel.path) for parcel in site.hospital.store.sending.parcels()[4:]]
    assert {str(made.PatientName) for made in newest} == {NEW.name}
    told = site.history(first.id)["updated"]
    assert told == f"by {again.id}: patient_name"
    assert site.send(changed(radiographs[0], PatientName=NEW.name)).state is State.DUPLICATE
    assert site.study().report_revision == 2


def test_the_header_that_comes_last_counts_also_if_its_bytes_came_before(
    site: Site, radiographs: tuple[Path, Path]
) -> None:
    site.send(radiographs[0])
    site.send(changed(radiographs[0], PatientName=NEW.name))
    site.send(radiographs[0])
    assert (site.study().patient.name, site.study().report_revision) == ("Wrongname Anna", 3)
    assert "Wrongname" in site.words()


def test_a_patient_is_corrected_when_all_images_say_so(site: Site, radiographs: tuple[Path, Path]) -> None:
    for path in radiographs:
        site.send(path)
    site.send(changed(radiographs[0], PatientID="P-2"))
    study = site.study()
    assert study.patient.id == "P-1"
    assert [image.patient_differs for image in study.images] == [True, False]
    assert "names a different patient" in site.words()
    site.send(changed(radiographs[1], PatientID="P-2"))
    study = site.study()
    assert study.patient.id == "P-2"
    assert [image.patient_differs for image in study.images] == [False, False]
    assert "names a different patient" not in site.words()


def test_a_corrected_side_is_taken_over(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    assert [knee.roi.side for knee in site.study().images[0].knees] == [Side.RIGHT]
    study = assert_updated(site, first, site.send(changed(radiographs[0], ImageLaterality="L")))
    assert [knee.roi.side for knee in study.images[0].knees] == [Side.LEFT]
    assert "laterality was right" in site.history(first.id)["updated"]


def test_a_corrected_size_of_a_pixel_measures_the_joint_space_again(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    before = site.study().images[0]
    assert before.spacing is not None
    halved = [before.spacing.row_mm / 2, before.spacing.column_mm / 2]
    study = assert_updated(site, first, site.send(changed(radiographs[0], PixelSpacing=halved)))
    (knee,), (earlier,) = study.images[0].knees, before.knees
    assert (knee.roi, knee.grade) == (earlier.roi, earlier.grade)
    assert knee.joint_space is not None
    assert earlier.joint_space is not None
    for part, was in zip(knee.joint_space.compartments, earlier.joint_space.compartments, strict=True):
        assert part.clear
        assert part.min_mm == pytest.approx((was.min_mm or 0) / 2)


def test_another_window_is_graded_again(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    (before,) = site.study().images[0].knees
    study = assert_updated(site, first, site.send(changed(radiographs[0], WindowWidth=3600)))
    (knee,) = study.images[0].knees
    assert not np.array_equal(knee.crop, before.crop)
    assert knee.graded_at > before.graded_at
    assert f"display, grades were {before.grade.kl}" in site.history(first.id)["updated"]


def test_other_pixels_are_a_conflict(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    other = pydicom.dcmread(radiographs[0])
    pixels = other.pixel_array.copy()
    pixels[:20, :20] += 1
    other.PixelData = pixels.tobytes()
    again = site.send(other)
    study = site.study()
    assert (again.state, len(study.images), study.report_revision) == (State.COMPLETED, 2, 2)
    assert [image.conflicts_with for image in study.images] == [None, first.id]
    assert "same SOP Instance UID" in site.words()
    assert len(set(site.sent())) == 9


def test_the_same_image_in_another_study_is_another_image(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    again = site.send(changed(radiographs[0], StudyInstanceUID="2.25.809"))
    assert again.state is State.COMPLETED
    assert again.study_key != first.study_key
    assert again.study_key is not None
    assert [image.conflicts_with for image in site.hospital.store.studies.content(again.study_key).images] == [first.id]


def test_a_regrade_reads_the_last_header(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    site.send(changed(radiographs[0], PatientName=NEW.name, ImageLaterality="L"))
    done = site.steps.work(Regrade(first.id))
    assert isinstance(done, Done)
    assert done.state is State.COMPLETED
    study = site.study()
    assert (study.patient.name, study.report_revision) == ("Rightname Anna", 3)
    assert [knee.roi.side for knee in study.images[0].knees] == [Side.LEFT]


def test_neither_history_nor_path_tells_a_name(site: Site, radiographs: tuple[Path, Path]) -> None:
    first = site.send(radiographs[0])
    again = site.send(changed(radiographs[0], PatientName=NEW.name, PatientID="P-77", AccessionNumber="ACC-5"))
    told = str([site.hospital.store.files.events(file.id) for file in (first, again)])
    told += "\n".join(str(path.relative_to(site.hospital.folder)) for path in site.hospital.folder.rglob("*"))
    for secret in ("Wrongname", "Rightname", "P-77", "P-1", "ACC-5"):
        assert secret not in told


class Killed(BaseException):
    """Simulates a kill -9: nothing catches it."""


STEPS: list[tuple[Any, str]] = [
    (Files, "take"),
    (Files, "complete"),
    (Studies, "content"),
    (Reports, "record"),
    (file_steps, "file_away"),
]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_around_any_step_of_a_correction_loses_and_doubles_nothing(
    site: Site, radiographs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, place: Any, step: str, moment: str
) -> None:
    real = getattr(place, step)

    def die(*args: Any, **options: Any) -> None:
        if moment == "after":
            real(*args, **options)
        raise Killed

    first = site.send(radiographs[0])
    with monkeypatch.context() as patch:
        patch.setattr(place, step, die)
        with pytest.raises(Killed):
            site.send(changed(radiographs[0], PatientName=NEW.name))
    store, folders = site.hospital.store, site.hospital.settings.folders
    for job in [*left_over(folders.work), *map(WriteReport, store.reports.due())]:
        site.steps.work(job)
    Outbox(site.hospital.settings, store).work()
    (again,) = [path.stem for path in folders.done.rglob("*.dcm") if path.stem != first.id]
    record = store.files.find(again)
    assert record is not None
    assert (record.state, record.duplicate_of, record.filed_as) == (
        State.DUPLICATE,
        first.id,
        str(next(folders.done.rglob(f"{again}.dcm"))),
    )
    assert len(site.study().images) == 1
    assert [event.kind for event in store.files.events(first.id)].count("updated") == 1
    assert "Rightname Anna" in site.words()
    assert len(set(site.sent())) == 8
    assert store.reports.due() == ()
    assert not [path for path in folders.work.rglob("*") if path.suffix in {".file", ".json"}]
