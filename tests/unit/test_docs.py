"""The documents describe the code correctly."""

import re
import tomllib
from pathlib import Path

import typer

from koa_worker.commands.cli import app
from koa_worker.knee_fields import KneeFields
from koa_worker.system.concern import CONCERNS
from koa_worker.values import ReviewCode
from tests import fault_table
from tests.faults import ALONE, ENDING, RUNNING, STARTING

ROOT = Path(__file__).parents[2]


def test_the_readme_names_every_command_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `koa-worker ([a-z]+)", text, re.MULTILINE))
    assert named == set(typer.main.get_group(app).commands)


def test_the_architecture_draws_the_layers_that_are_checked() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = [line.strip() for line in text.split("layers -->")[1].split("<!--")[0].splitlines() if line.strip()]
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == [layer.replace("koa_worker.", "") for layer in layers]


def test_every_module_is_in_a_layer() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("layers -->")[1].split("<!--")[0]
    drawn = set(re.findall(r"\w+", text))
    modules = {path.stem for path in (ROOT / "koa_worker").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert modules - {"__init__", "__pycache__"} == drawn


def test_every_reason_for_a_review_is_documented_and_no_other() -> None:
    text = (ROOT / "docs/review.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == [code.value for code in ReviewCode]


def test_the_readme_shows_every_field_of_a_knee() -> None:
    example = (ROOT / "README.md").read_text(encoding="utf-8").split('"knees": [')[1].split('"refused"')[0]
    named = set(re.findall(r'"([a-z_]+)":', example))
    assert set(KneeFields.model_fields) <= named


def test_every_document_that_is_linked_exists() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_section_that_is_linked_exists() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", document.read_text(encoding="utf-8")):
            linked = document.parent / target if target else document
            assert anchor in _anchors(linked), f"{document.name} links to {target}#{anchor}"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_module_that_a_document_runs_exists() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r"python -m ((?:bench|tests|training|koa_worker)[\w.]*)", document.read_text("utf-8")):
            module = ROOT / name.replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), f"{document.name}: {name}"


def test_no_module_lacks_its_first_line() -> None:
    for path in [*(ROOT / "koa_worker").rglob("*.py"), *(ROOT / "training").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert text == "" or text.startswith('"""'), path


def test_every_concern_is_documented() -> None:
    text = (ROOT / "docs/operation.md").read_text(encoding="utf-8").split("| code | what needs a person |")[1]
    rows = text.split("\n\n")[0]
    assert {code for row in rows.splitlines()[2:] for code in re.findall(r"`(\w+)`", row.split("|")[1])} == set(
        CONCERNS
    )


def test_the_faults_that_are_documented_are_those_that_are_made() -> None:
    assert len({fault.what for fault in (*RUNNING, *ALONE, *ENDING, *STARTING)}) >= 25
    document = fault_table.DOCUMENT.read_text(encoding="utf-8")
    assert fault_table.replaced(document) == document


def test_a_fault_of_every_kind_is_made() -> None:
    made = {fault.code for fault in (*RUNNING, *ALONE, *ENDING)}
    # A thread catches whatever fails in it; and what does not answer is a full disk, a folder or the database.
    assert set(CONCERNS) - made == {"part_down", "no_answer"}
