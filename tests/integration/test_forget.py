"""`koa-worker forget`: no data of the patient are left in any folder or in any byte of the database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from koa_worker import synthetic
from koa_worker.commands import cli
from koa_worker.config import Config
from koa_worker.custody.erase import erase
from koa_worker.errors import SetupError, Unfinished
from koa_worker.intake import claim, scan
from koa_worker.pipeline import Pipeline
from koa_worker.store import State
from koa_worker.store.database.schema import Base
from koa_worker.store.records.belongings import Whose
from koa_worker.synthetic.write import write_png
from koa_worker.system.heartbeat import sole_owner
from koa_worker.values import Side
from koa_worker.workers.messages import WriteReport
from tests.erasure_site import ACCESSION, BY_ID, ISSUER, OTHER, UID, VICTIM, Site, site_in
from tests.postgres import Server


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def site(tmp_path: Path, pipeline: Pipeline) -> Iterator[Site]:
    with site_in(tmp_path, pipeline) as opened:
        yield opened


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory, pipeline: Pipeline, nobodys_port: int) -> Path:
    """A full site is made once and copied back for each test, to the same place, since the store knows paths."""
    place = tmp_path_factory.mktemp("full")
    with site_in(place / "site", pipeline) as opened:
        opened.fill(nobodys_port)
    shutil.copytree(place / "site", place / "copy")
    return place


@pytest.fixture
def full(master: Path, pipeline: Pipeline, nobodys_port: int) -> Iterator[Site]:
    shutil.rmtree(master / "site")
    shutil.copytree(master / "copy", master / "site")
    with site_in(master / "site", pipeline) as opened:
        yield opened


@pytest.fixture
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`koa-worker …` where the site is, with a line on its input."""
    name = "full" if "full" in request.fixturenames else "site"
    monkeypatch.chdir(request.getfixturevalue(name).settings.folders.inbox.parents[1])
    return lambda *words, said="": CliRunner().invoke(cli.app, list(words), input=f"{said}\n")


def forget(site: Site, whose: Whose = BY_ID, seconds: float = 0.0) -> None:
    erase(site.settings, site.store, whose, who="console", wait_seconds=seconds)


def test_nothing_of_the_patient_is_left_and_everything_of_the_other_one(full: Site) -> None:
    assert full.states() == {State.COMPLETED, State.REJECTED, State.FAILED, State.DUPLICATE}
    of_other = full.store.found.of(Whose(patient_id=OTHER.id))
    objects = {path for path in full.files() if b"STY-0815" in path.read_bytes()}
    kept = {Path(file.original or "") for study in of_other for file in study.files} | objects
    assert len(kept) > 3
    assert full.traces()
    forget(full)
    assert full.traces() == []
    assert full.store.found.of(Whose(patient_id=OTHER.id)) == of_other
    strangers = {path for path in full.files() if path.read_bytes() == b"not a radiograph"}
    reports = {Path(study.report or "") for study in of_other}
    left = {path for path in full.files() if not path.name.endswith(".reason.txt")}
    assert left == kept | reports | strangers
    assert {path.name.removesuffix(".reason.txt") for path in full.files() - left} <= {path.name for path in left}


def test_what_the_database_had_freed_before_is_gone_too(full: Site) -> None:
    """A store of an earlier version did not overwrite what it deleted."""
    path = full.settings.folders.inbox.with_name("koa.sqlite3")
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute(
            "CREATE TABLE old AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 999)"
            " SELECT i, 'Forgetova Anna FRG-4711' AS said FROM n"
        )
        database.execute("DROP TABLE old")
    database.close()
    assert any("koa.sqlite3" in trace for trace in full.traces())
    forget(full)
    assert full.traces() == []


def test_the_audit_log_says_that_something_was_erased_and_not_what(full: Site) -> None:
    forget(full)
    last, first = full.store.audit.entries(limit=2)
    assert (first.action, last.action) == ("forget_begun", "forget_finished")
    assert (first.who, first.subject) == ("console", "")
    assert first.detail == "files 10, studies 3"


def test_no_row_is_left_on_postgresql(tmp_path: Path, pipeline: Pipeline, postgres: Server, nobodys_port: int) -> None:
    with site_in(tmp_path, pipeline, postgres.database()) as site:
        site.fill(nobodys_port)
        forget(site)
        assert site.traces() == []
        with site.store.sessions.stream() as connection:
            rows = {
                table.name: [str(tuple(row)).lower() for row in connection.execute(table.select())]
                for table in Base.metadata.sorted_tables
            }
    assert [name for name, lines in rows.items() if any("forgetova" in line or "frg" in line for line in lines)] == []
    assert len(rows["studies"]) == 1
    assert rows["doomed"] == []


@pytest.mark.parametrize(
    "whose",
    [Whose(study=f"{UID}.1"), Whose(accession=ACCESSION), Whose(patient_id=VICTIM.id, issuer=ISSUER)],
    ids=["study", "accession", "patient"],
)
def test_a_study_or_an_accession_number_is_erased_alone(full: Site, whose: Whose) -> None:
    forget(full, whose)
    left = full.store.found.of(BY_ID)
    assert (left == ()) == (whose.study is None)
    assert not full.store.found.of(whose)


def test_two_issuers_of_one_id_are_two_persons(site: Site) -> None:
    site.drop("a.dcm", VICTIM, seed=1, study=f"{UID}.1")
    site.drop("b.dcm", VICTIM, seed=2, study=f"{UID}.2", IssuerOfPatientID="HOSP-B")
    site.work_off()
    with pytest.raises(SetupError) as fault:
        forget(site)
    assert fault.value.code == "several_issuers"
    forget(site, Whose(patient_id=VICTIM.id, issuer="HOSP-B"))
    assert len(site.store.found.of(BY_ID)) == 1


def test_a_file_that_names_another_patient_than_its_study_is_erased_alone(site: Site) -> None:
    """Its study belongs to another patient: the study stays, and its report is due without the file."""
    site.drop("a.dcm", OTHER, seed=1, study="1.2.3")
    site.work_off()
    site.drop("b.dcm", VICTIM, seed=2, study="1.2.3")
    site.work_off()
    (study,) = site.store.found.of(Whose(patient_id=OTHER.id))
    assert len(study.files) == 2
    forget(site)
    (study,) = site.store.found.of(Whose(patient_id=OTHER.id))
    assert len(study.files) == 1
    assert study.report is None
    assert site.store.reports.due() == (study.study,)
    assert [trace for trace in site.traces() if "forgetova" in trace or "frg" in trace] == []


def test_a_report_tells_of_no_exam_that_was_erased(site: Site) -> None:
    """It is removed at once, and written again without the exam."""
    for number, day in ((1, "20210301"), (2, "20260310")):
        site.drop(f"{number}.dcm", VICTIM, seed=number, study=f"{UID}.{number}", StudyDate=day)
        site.work_off()

    def said() -> str:
        (study,) = site.store.found.of(Whose(study=f"{UID}.2"))
        return PdfReader(study.report).pages[0].extract_text() if study.report else ""

    assert "2021" in said()
    forget(site, Whose(study=f"{UID}.1"))
    assert said() == ""
    assert list(site.settings.folders.reports.rglob("*.pdf")) == []
    (due,) = site.store.reports.due()
    site.steps.work(WriteReport(due))
    assert "2026" in said()
    assert "2021" not in said()


def test_an_image_that_named_the_patient_before_it_was_corrected_goes_too(site: Site) -> None:
    """The PACS had it under the wrong patient first; the history of its header must not name that one either."""
    site.drop("a.dcm", VICTIM, seed=1, study="1.2.3", accession="OTHER-1")
    site.work_off()
    site.drop("b.dcm", OTHER, seed=1, study="1.2.3", accession="OTHER-1")
    site.work_off()
    assert site.store.found.of(BY_ID) == ()
    assert site.traces()
    forget(site)
    assert site.traces() == []


def test_a_file_in_the_hands_of_a_daemon_is_waited_for(site: Site) -> None:
    site.drop("a.dcm", VICTIM, seed=1, study=f"{UID}.1")
    (waiting,) = scan(site.settings.folders.inbox).oldest
    taken = claim(waiting, site.settings.folders.work)
    assert taken is not None
    with sole_owner(site.settings.folders.work):
        with pytest.raises(Unfinished) as fault:
            forget(site, seconds=0.5)
        assert fault.value.code == "in_flight"
        assert taken.path.exists()
        site.steps.work(taken)
        forget(site, seconds=0.5)
    assert site.traces() == []
    assert site.steps.work(taken).state is None  # type: ignore[union-attr]
    assert site.traces() == []


def test_what_a_killed_daemon_had_in_hand_goes_at_once(site: Site) -> None:
    site.drop("a.dcm", VICTIM, seed=1, study=f"{UID}.1")
    (waiting,) = scan(site.settings.folders.inbox).oldest
    taken = claim(waiting, site.settings.folders.work)
    assert taken is not None
    site.store.files.take(taken.load(0)[0], "w")
    forget(site)
    assert site.traces() == []


def test_an_erasure_that_has_begun_is_not_undone_by_a_worker(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed before the first file is removed; a daemon that then starts has claimed files and retries to do."""
    site.drop("a.dcm", VICTIM, seed=1, study=f"{UID}.1")
    (waiting,) = scan(site.settings.folders.inbox).oldest
    taken = claim(waiting, site.settings.folders.work)
    assert taken is not None

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("koa_worker.custody.erase._remove_files", cut_off)
        with pytest.raises(KeyboardInterrupt):
            forget(site)
    site.steps.work(taken)
    assert site.store.found.of(BY_ID) == ()
    forget(site, Whose(patient_id="nobody"))
    assert site.traces() == []


def test_an_id_in_the_command_line_is_refused_and_not_repeated(command: Callable[..., Result], full: Site) -> None:
    for name in ("forget", "find"):
        for option in ("--patient-id", "--accession"):
            refused = command(name, option, VICTIM.id)
            assert refused.exit_code == 2
            assert VICTIM.id not in refused.output
            assert "every user of this" in " ".join(refused.output.replace("│", " ").split())


def test_without_yes_it_is_only_said(command: Callable[..., Result], full: Site) -> None:
    before = full.files()
    said = command("forget", "--patient-id", "-", said=VICTIM.id)
    assert said.exit_code == 0, said.output
    assert "Nothing was removed" in said.output
    assert full.files() == before
    assert "files in the inbox         3" in said.output
    assert "uploads                    1" in said.output
    for secret in (VICTIM.id, "Forgetova", UID, ACCESSION):
        assert secret not in said.output
    done = command("forget", "--patient-id", "-", "--yes", said=VICTIM.id)
    assert done.exit_code == 0, done.output
    assert full.traces() == []
    again = command("forget", "--patient-id", "-", said=VICTIM.id)
    assert "There is nothing to remove." in again.output


def test_find_says_what_belongs_to_it(command: Callable[..., Result], full: Site) -> None:
    found = command("find", "--accession", "-", "--json", said=ACCESSION)
    studies = [json.loads(line) for line in found.stdout.splitlines()]
    assert {study["study"] for study in studies} == {study.study for study in full.store.found.of(BY_ID)}
    graded = next(study for study in studies if study["report"])
    assert Path(graded["report"]).is_file()
    assert {file["state"] for file in graded["files"]} == {"completed", "rejected"}
    assert {one["kind"] for one in graded["deliveries"]} == {
        "structured_report",
        "secondary_capture",
        "presentation",
        "pdf",
    }
    named = command("find", "--name-of-file", "-", "--json", said="Forgetova 3.dcm")
    assert json.loads(named.stdout)["study"] == graded["study"]
    assert command("find", "--patient-id", "-", said="nobody").exit_code == 1
    rows = [json.loads(line) for line in command("export", "--format", "json", "--with-identity").stdout.splitlines()]
    whose = {(row["patient_id"], row["patient_issuer"], row["accession"]) for row in rows}
    assert whose == {(VICTIM.id, ISSUER, ACCESSION), (OTHER.id, ISSUER, "OTHER-1")}
    by_study = command("export", "--by", "study", "--format", "json", "--with-identity").stdout.splitlines()
    assert {json.loads(line)["patient_id"] for line in by_study} == {VICTIM.id, OTHER.id}
    assert VICTIM.id not in command("export").stdout + command("export", "--by", "study").stdout
    assert VICTIM.id not in command("find", "--patient-id", "-", said=VICTIM.id).output


def test_a_picture_is_found_by_its_name_and_erased_by_its_study(command: Callable[..., Result], site: Site) -> None:
    """No header says whose it is."""
    plate = synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=260, seed=1)
    write_png(site.settings.folders.inbox / "Forgetova.png", plate)
    site.work_off()
    (line,) = command("find", "--name-of-file", "-", "--json", said="Forgetova.png").stdout.splitlines()
    assert command("forget", "--study", json.loads(line)["study"], "--yes").exit_code == 0
    assert site.traces() == []
    assert site.states() == set()
