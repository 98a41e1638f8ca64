"""The output of the commands, and their exit codes."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from koa_worker import RESEARCH_NOTICE, __version__, config
from koa_worker.commands import cli
from koa_worker.store import Store
from koa_worker.synthetic import KneeSpec, crop
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.system.own_mark import has_words
from koa_worker.values import Side


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


@pytest.fixture
def knee(tmp_path: Path) -> Path:
    path = tmp_path / "knee.png"
    write_png(path, crop(KneeSpec(Side.RIGHT), seed=1))
    return path


def test_the_version_says_what_it_is_not() -> None:
    assert call("--version").stdout == f"koa-worker {__version__}. {RESEARCH_NOTICE}\n"


def test_help_says_so_too() -> None:
    assert RESEARCH_NOTICE in " ".join(call("--help").stdout.split())


def test_process_prints_one_json_object_a_line(knee: Path) -> None:
    result = call("process", str(knee), "--json")
    (line,) = (json.loads(text) for text in result.stdout.splitlines())
    assert result.exit_code == 0
    assert line["outcome"] == "completed"
    assert sum(line["knees"][0]["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert line["knees"][0]["box"] == [0, 0, 224, 224]
    assert line["report"] is None


def test_process_writes_reports_where_it_is_told(knee: Path, tmp_path: Path) -> None:
    line = json.loads(call("process", str(knee), "--json", "--out", "out").stdout)
    report = tmp_path / line["report"]
    assert report.read_bytes().startswith(b"%PDF")
    assert report.is_relative_to(tmp_path / "out")
    assert knee.exists()
    assert not (tmp_path / "work").exists()  # neither folders nor store of a daemon were made


def test_process_writes_one_revision_for_a_study(tmp_path: Path) -> None:
    for seed in range(3):
        write_dicom(tmp_path / f"{seed}.dcm", crop(KneeSpec(Side.RIGHT), size=260, seed=seed), study_uid="2.25.18")
    lines = [json.loads(line) for line in call("process", ".", "--json", "--out", "out").stdout.splitlines()]
    (report,) = Path("out").rglob("*.pdf")
    assert [line["report"] for line in lines] == [str(report)] * 3
    text = " ".join(page.extract_text() for page in PdfReader(report).pages)
    assert "revision 1 " in text
    assert "Image 3" in text


def test_process_draws_how_the_knees_were_found(knee: Path, tmp_path: Path) -> None:
    assert call("process", str(knee), "--debug-roi", "drawn").exit_code == 0
    (picture,) = (tmp_path / "drawn").iterdir()
    assert (tmp_path / "drawn").stat().st_mode & 0o077 == 0  # a name may be burnt into the radiograph
    assert picture.stat().st_mode & 0o077 == 0
    assert has_words(picture.read_bytes())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "knee" not in picture.name


def test_a_drawing_that_was_open_to_others_is_closed_when_it_is_drawn_again(knee: Path, tmp_path: Path) -> None:
    call("process", str(knee), "--debug-roi", "drawn")
    (picture,) = (tmp_path / "drawn").iterdir()
    picture.chmod(0o644)
    call("process", str(knee), "--debug-roi", "drawn")
    assert picture.stat().st_mode & 0o077 == 0


def test_process_prints_no_command_to_the_terminal(knee: Path, tmp_path: Path) -> None:
    knee.rename(tmp_path / "a\x1b]0;title\x07.png")
    assert "\x1b" not in call("process", str(tmp_path / "a\x1b]0;title\x07.png")).stdout


def test_process_says_it_in_words(knee: Path) -> None:
    said = call("process", str(knee)).stdout
    assert "unknown knee KL " in said
    assert said.endswith(f"{RESEARCH_NOTICE}\n")


def test_process_of_what_is_not_there_is_wrong_use() -> None:
    assert call("process", "absent").exit_code == 2


def test_a_rejected_file_makes_the_exit_code_one(tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("Dear colleague")
    result = call("process", "letter.png", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["code"] == "unknown_format"


def test_status_export_and_retry_on_an_empty_store() -> None:
    Path("work").mkdir()
    said = call("status").stdout
    assert re.match(r"ATTENTION +The daemon is not running\.", said)
    assert re.search(r"^in the inbox +0 *$", said, re.MULTILINE)
    assert json.loads(call("status", "--json").stdout)["completed"] == 0
    assert call("export", "--format", "csv").stdout.startswith("file_id,sha256,")
    assert call("export", "--format", "json").stdout == ""
    assert call("retry").stdout == "0 failed files put back into the queue.\n"


def test_retry_says_which_file_is_unknown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("work").mkdir()
    monkeypatch.setattr("sys.argv", ["koa-worker", "retry", "unheard-of"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("koa-worker: The database has no such record (file unheard-of). ")


def test_the_demo_goes_where_it_is_told_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        assert f"6 synthetic files written to {folder}." in call("demo", "--into", folder, "--seed", "4").stdout
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other"))
    assert one == other


def test_the_printed_configuration_is_the_default() -> None:
    assert config.Config.model_validate(tomllib.loads(call("config").stdout)) == config.Config()


def test_doctor_finds_everything_in_order() -> None:
    result = call("doctor")
    assert result.exit_code == 0, result.stdout
    assert "ERROR" not in result.stdout


def test_doctor_names_each_fault_and_its_remedy(tmp_path: Path) -> None:
    Path("config.toml").write_text('[model]\npath = "nowhere"\n[folders]\ndone = "work/inbox/done"\n')
    result = call("doctor")
    said = " ".join(result.stdout.split())
    assert result.exit_code == 2
    assert said.count("ERROR") == 2
    assert "done is inside inbox" in said
    assert "[model] path" in said


def test_a_fault_of_the_setup_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("config.toml").write_text("[folder]\n")
    monkeypatch.setattr("sys.argv", ["koa-worker", "status"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("koa-worker: The configuration is invalid (")
    assert "did you mean 'folders'?" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("form", ["text", "csv"])
def test_an_entry_of_the_audit_log_is_one_line_and_no_formula(form: str) -> None:
    """With any text in it: a spreadsheet runs no formula, and no cell can look like another line."""
    with Store.of(config.load(None).store) as store:
        store.audit.note("anna", "image", "=cmd|'C'!A0", detail="+1\n2026-01-01T00:00:00,ada,report")
    said = call("user", "audit", "--format", form).stdout
    _, line = said.splitlines()
    assert "'=cmd" in line
    assert "'+1" in line
