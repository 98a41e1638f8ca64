"""A study that was graded and reported by the real parts, and programs of other makers to exchange it with."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from koa_worker import __version__, synthetic
from koa_worker.config import Config, DestinationSettings
from koa_worker.intake import prepare_folders
from koa_worker.registrar import Registrar
from koa_worker.store import Store
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import (
    Arrival,
    Box,
    Compartment,
    CompartmentName,
    GradedBy,
    GradedKnee,
    JointSpace,
    KneeRoi,
    Patient,
    ReviewCode,
    ReviewReason,
    Side,
    SpacingSource,
    Study,
)
from tests import make
from tests.make import PATIENCE, free_ports, until

PATIENT = Person("Примеров^Образец^Тестович", "SYN-0101", "19580314", "M")
SECRETS = ("Примеров", "SYN-0101", "19580314")
STUDY_UID = "2.25.1234567890"
CUT_OFF = ReviewReason(ReviewCode.CUT_OFF, 0.09, 0.05)


@pytest.fixture(scope="session")
def nobodys_port() -> Iterator[int]:
    """A caller there is refused: the port is taken, so that no other program gets it, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def plate() -> synthetic.Plate:
    spec = synthetic.PlateSpec(500, 600, 0.5, (synthetic.KneeSpec(Side.RIGHT, centre=(0.26, 0.5)),), seed=3)
    return synthetic.draw(spec)


def probabilities(kl: int) -> tuple[float, float, float, float, float]:
    """Numbers that no decimal string of sixteen characters holds."""
    shares = np.full(5, 0.1 / 3) + np.arange(5) / 97
    shares[kl] = 1 - shares.sum() + shares[kl]
    return tuple(float(share) for share in shares)  # type: ignore[return-value]


def knee(side: Side, kl: int, x: int) -> GradedKnee:
    grade = make.grade(kl, probabilities(kl), agreement=0.875, reasons=(CUT_OFF,) * (kl == 1))
    return make.knee(grade, KneeRoi(Box(x, -4, 220, 220), side), space=joint_space(kl))


def joint_space(kl: int) -> JointSpace:
    """A medial compartment whose margins are clear and, for KL 1, a lateral one whose margins are not."""
    line = ((float(kl), 1.5), (9.25, 2.0))
    medial = Compartment(CompartmentName.MEDIAL, True, 0.03 + kl / 97, 0.04, 2 + kl / 97, 3.1, line, line)
    lateral = Compartment(CompartmentName.LATERAL, False, None, None, None, None, line, line)
    if kl != 1:
        lateral = replace(medial, name=CompartmentName.LATERAL, min_mm=4 + kl / 89)
    return JointSpace((medial, lateral), SpacingSource.DETECTOR, 431.5)


@dataclass
class Hospital:
    """Folders, a store, and a way to let a study be graded and reported."""

    folder: Path
    settings: Config
    store: Store

    def sends_to(self, *destinations: DestinationSettings, retry_seconds: float = 0.05) -> None:
        dicom = self.settings.dicom.model_copy(update={"destinations": destinations})
        results = dicom.results.model_copy(update={"retry_seconds": retry_seconds})
        self.settings = self.settings.model_copy(update={"dicom": dicom.model_copy(update={"results": results})})
        self.store.sending.know_destinations(destination.name for destination in destinations)

    def grade(self, plate: synthetic.Plate, *, study_uid: str = STUDY_UID, kl: tuple[int, int] = (2, 1)) -> str:
        """A radiograph in done/, its grades in the store, its report written; gives the study's key."""
        number = len(list(self.settings.folders.done.glob("*.dcm")))
        filed = self.settings.folders.done / f"{number}.dcm"
        write_dicom(filed, plate, patient=PATIENT, study_uid=study_uid)
        header = pydicom.dcmread(filed, stop_before_pixels=True)
        arrival = Arrival(filed, f"{number:064d}", filed.stat().st_size, "Ivanov.dcm")
        study = Study(study_uid, str(header.SOPInstanceUID), str(header.SeriesInstanceUID), modality="DX", view="PA")
        patient = Patient("Примеров Образец", PATIENT.id, None, "M")
        knees = (knee(Side.RIGHT, kl[0], 40), knee(Side.LEFT, kl[1], 320))
        self.store.files.add_arrival(arrival, datetime.now(UTC))
        assert self.store.files.start(arrival.id, "w")
        by = GradedBy("net-v1", "ab" * 32, __version__)
        registrar = Registrar(self.store, self.settings.folders.reports, self.settings.report, by)
        kept = registrar.complete(
            make.completed(arrival, *knees, study=study, patient=patient, pixels=plate.pixels), filed
        )
        assert kept.study_key is not None
        assert kept.revision is not None
        registrar.write_report(kept.study_key, kept.revision)
        return kept.study_key


@contextmanager
def hospital_in(folder: Path) -> Iterator[Hospital]:
    settings = Config().below(folder)
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store:
        yield Hospital(folder, settings, store)


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with hospital_in(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def papers(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("papers")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run([peer("openssl"), *words], check=True, capture_output=True)
    return certificate, key


class Orthanc:
    """A PACS that others wrote, on free ports of this machine."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self.port, self._http = free_ports(2)
        self._modalities: dict[str, list[Any]] = {}
        self._scripts: list[str] = []

    def knows(self, name: str, ae_title: str, port: int) -> None:
        self._modalities[name] = [ae_title, "127.0.0.1", port]

    def runs(self, script: str) -> None:
        """A rule in Lua."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / "rule.lua"
        path.write_text(script)
        self._scripts = [str(path)]

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self._http}"

    @property
    def destination(self) -> DestinationSettings:
        return DestinationSettings(
            name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=self.port, timeout_seconds=20
        )

    @contextmanager
    def running(self, plugins: Sequence[str] = ()) -> Iterator[None]:
        self._folder.mkdir(exist_ok=True)
        settings = {
            "Name": "test",
            "StorageDirectory": str(self._folder / "storage"),
            "IndexDirectory": str(self._folder / "storage"),
            "Plugins": list(plugins),
            "DicomAet": "ORTHANC",
            "DicomPort": self.port,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": self._modalities,
            "LuaScripts": self._scripts,
            "HttpPort": self._http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "OverwriteInstances": False,
        }
        (self._folder / "orthanc.json").write_text(json.dumps(settings))
        words = [self._program, str(self._folder / "orthanc.json")]
        log = self._folder / "log"
        with log.open("w") as said, subprocess.Popen(words, stdout=said, stderr=said, text=True) as process:
            try:
                self._await_answer(process, log)
                yield
            finally:
                process.terminate()

    def _await_answer(self, process: subprocess.Popen[str], log: Path) -> None:
        try:
            until(self._answers, 2 * PATIENCE, process=process)
        except AssertionError as fault:
            fault.add_note(log.read_text()[-2000:])
            raise

    def _answers(self) -> bool:
        try:
            return bool(self.get("/system"))
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self._http}{path}", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def instances(self) -> list[dict[str, Any]]:
        return [self.get(f"/instances/{name}/simplified-tags") for name in self.get("/instances")]


@pytest.fixture
def orthanc(peer: Callable[[str], str], tmp_path: Path) -> Orthanc:
    return Orthanc(peer("Orthanc"), tmp_path / "orthanc")
