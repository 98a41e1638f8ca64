"""A site's scale from end to end: the commands calibrate, process --site and regrade --site, on drawn knees."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from koa_worker.calibration import collect
from koa_worker.calibration.grades_file import read_grades
from koa_worker.commands import cli
from koa_worker.commands.regrade import rescale
from koa_worker.config import Config
from koa_worker.intake import digest
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.knee.grading.site import KIND, ReleaseNamed, SiteFile, to_text
from koa_worker.pipeline import Pipeline
from koa_worker.registrar import Registrar
from koa_worker.store import Store
from koa_worker.synthetic import KneeSpec, crop
from koa_worker.synthetic.write import write_png
from koa_worker.values import Arrival, Completed, Side


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def knees(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"knee{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        write_png(path, crop(KneeSpec(Side.RIGHT), seed=seed))
    return paths


@pytest.fixture
def site(tmp_path: Path) -> Path:
    release = Release.open(model_folder())
    named = ReleaseNamed(name=release.manifest.label, digest=release.digest)
    path = tmp_path / "site.json"
    path.write_text(to_text(SiteFile(kind=KIND, format=1, release=named, slope=0.7, shifts=(3.0, 3.0, 2.0, 1.0))))
    return path


def call(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def lines(*words: str) -> Iterator[dict[str, Any]]:
    return (json.loads(text) for text in call("process", "--json", *words).stdout.splitlines())


def test_process_grades_on_the_site_s_scale_and_keeps_what_the_release_says(knees: list[Path], site: Path) -> None:
    (plain,), (scaled,) = (
        line["knees"] for line in (*lines(str(knees[0])), *lines(str(knees[0]), "--site", str(site)))
    )
    assert plain["site"] is None
    assert plain["release_probabilities"] == plain["probabilities"] == scaled["release_probabilities"]
    assert scaled["site"] == json.loads(site.read_text())["digest"]
    assert scaled["oa_probability"] > plain["oa_probability"]
    assert sum(scaled["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_the_configuration_may_name_the_scale(knees: list[Path], site: Path) -> None:
    (site.parent / "config.toml").write_text('[model]\nsite = "site.json"\n')
    assert next(lines(str(knees[0])))["knees"][0]["site"]


def test_an_altered_scale_stops_the_command(
    knees: list[Path], site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(site.read_text().replace("0.7", "0.9"))
    monkeypatch.setattr("sys.argv", ["koa-worker", "process", str(knees[0]), "--site", str(site)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "changed after koa-worker calibrate wrote it" in " ".join(capsys.readouterr().err.split())


def test_an_archive_on_the_scale_is_as_if_it_had_been_graded_so(
    knees: list[Path], site: Path, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config().below(tmp_path)
    with Store.open(config.store.url) as store:
        registrar = Registrar(store, config.folders.reports, config.report, pipeline.grader.graded_by)
        for path in knees:
            arrival = Arrival(path, digest(path), path.stat().st_size, path.name)
            outcome = pipeline.process(arrival)
            assert isinstance(outcome, Completed)
            store.files.take(arrival, "w")
            registrar.complete(outcome, path)
    expected = [line["knees"][0] for line in lines(*map(str, knees), "--site", str(site))]
    monkeypatch.setattr("koa_worker.knee.grading.grade.Grader.load", lambda *_: pytest.fail("a net was loaded"))
    for path in knees:
        path.unlink()
    done = rescale(config.with_site(site), unsent=True)
    assert (done.done, done.others) == (3, 0)
    assert rescale(config.with_site(site), unsent=True).done == 0
    found = [json.loads(text) for text in call("export", "--format", "json").stdout.splitlines()]
    assert [row["kl"] for row in found] == [knee["kl"] for knee in expected]
    for row, knee in zip(found, expected, strict=True):
        assert [row[f"p{kl}"] for kl in range(5)] == pytest.approx(knee["probabilities"], abs=1e-6)
        assert [row[f"release_p{kl}"] for kl in range(5)] == pytest.approx(knee["release_probabilities"], abs=1e-6)
        assert (row["site"], row["review_codes"]) == (knee["site"], knee["review_codes"])
    assert len(list(config.folders.reports.rglob("*.pdf"))) == 3


def test_the_command_regrade_says_how_many_knees_changed(site: Path) -> None:
    result = call("regrade", "--site", str(site))
    assert (result.exit_code, result.stdout) == (0, "0 knees put on the site's scale, 0 of another release kept.\n")
    assert call("regrade", "--send").exit_code == 2


def test_grades_meet_their_knees_and_every_other_line_has_its_sentence(
    knees: list[Path], pipeline: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / "blank.png").write_bytes(b"")
    (tmp_path / "copy.png").write_bytes(knees[0].read_bytes())
    rows = [
        ("knee0.png", 2, ""),
        ("copy.png", 2, "right"),
        ("knee1.png", 1, "both"),
        ("knee1.png", 3, ""),
        ("knee2.png", 4, ""),
        ("none.png", 1, ""),
        ("blank.png", 1, ""),
    ]
    with (tmp_path / "grades.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "kl", "side"), *rows])
    given, notes = read_grades(tmp_path / "grades.csv")
    found = collect.from_file(given, pipeline, lambda: pytest.fail("no store is needed"), crops=True)
    assert notes == ()
    assert [(knee.kl, knee.where) for knee in found.knees] == [(2, "line 2"), (4, "line 6")]
    assert all(knee.crop.startswith(b"\x89PNG") for knee in found.knees)
    assert found.notes == [
        "Line 7: the file cannot be read: No such file or directory.",
        "Line 8: the file is rejected (empty_file). The file is empty.",
        "The same knee is given more than once and counts once: line 2, line 3.",
        "The same knee has different grades and is left out: line 4, line 5.",
    ]


def test_readings_of_the_page_are_taken_with_the_readers_agreement(
    knees: list[Path], pipeline: Pipeline, tmp_path: Path
) -> None:
    config = Config().below(tmp_path)
    readings = [{"anna": 1, "ben": 2, "cleo": 4}, {"anna": 3, "ben": 3}, {}]
    with Store.open(config.store.url) as store:
        registrar = Registrar(store, config.folders.reports, config.report, pipeline.grader.graded_by)
        for path, read in zip(knees, readings, strict=True):
            arrival = Arrival(path, digest(path), path.stat().st_size, path.name)
            outcome = pipeline.process(arrival)
            assert isinstance(outcome, Completed)
            store.files.take(arrival, "w")
            registrar.complete(outcome, path)
            for reader, kl in read.items():
                store.reader_grades.record(arrival.id, 0, reader=reader, kl=kl, comment="")
        found = collect.from_readings(store, pipeline.grader.digest)
        other = collect.from_readings(store, "another release")
    assert sorted(knee.kl for knee in found.knees) == [2, 3]
    assert found.ceiling is not None
    assert (found.ceiling.readers, found.ceiling.knees) == (3, 2)
    assert found.ceiling.accuracy.value == pytest.approx(1 / 4)  # one of four pairs of readers
    assert (other.knees, other.ceiling) == ([], None)
    assert other.notes == ["Another release graded 2 of the knees; run koa-worker regrade first."]


def test_too_few_grades_are_one_sentence(
    knees: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grades.csv").write_text("path,kl\nknee0.png,2\nknee1.png,\n")
    monkeypatch.setattr("sys.argv", ["koa-worker", "calibrate", "--grades", "grades.csv"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert end.value.code == 2
    assert "Line 3 has no grade." in said.out
    assert "too few graded knees to calibrate (1 of 30)" in " ".join(said.err.split())
    assert not (tmp_path / "site.json").exists()
