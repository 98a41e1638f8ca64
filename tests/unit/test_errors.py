"""The catalogue of errors: complete, worded alike, documented."""

import re
from pathlib import Path

import pytest

from bench.error_page import NOTES, page
from koa_worker.errors import CATALOGUE, InputRejected, explain

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_has_a_sentence_and_a_remedy(code: str) -> None:
    entry = CATALOGUE[code]
    assert re.fullmatch(r"[a-z_]+", code)
    assert entry.sentence[0].isupper()
    assert entry.sentence.endswith(".")
    assert entry.remedy[0].isupper()
    assert entry.remedy.endswith(".")


def test_the_documentation_is_what_make_docs_writes() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert text == page()
    assert re.findall(r"^### `([a-z_]+)`$", text, re.MULTILINE) == list(CATALOGUE)
    assert set(NOTES) <= set(CATALOGUE)


def test_each_code_raised_anywhere_is_in_the_catalogue() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "koa_worker").rglob("*.py"))
    raised = set(
        re.findall(r'(?:InputRejected|WorkFailed|UnknownRecord|WrongState|SetupError)\(\s*"([a-z_]+)"', sources)
    )
    assert raised
    assert raised <= set(CATALOGUE)


def test_the_particular_goes_into_the_sentence() -> None:
    assert explain("empty_file") == "The file is empty. Export it again."
    assert str(InputRejected("truncated", "17 of 40 bytes")).startswith(
        "The file is truncated: its end is missing (17 of 40 bytes). "
    )
    assert (
        CATALOGUE["empty_file"].sentence_with(None) == CATALOGUE["empty_file"].sentence_with("") == "The file is empty."
    )
    assert CATALOGUE["empty_file"].sentence_with("0 bytes") == "The file is empty (0 bytes)."
