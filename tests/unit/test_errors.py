"""The catalogue of faults: complete, worded alike, documented."""

import re
from pathlib import Path

import pytest

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


def test_each_code_has_its_entry_in_the_documentation_and_no_other() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert re.findall(r"^### `([a-z_]+)`$", text, re.MULTILINE) == list(CATALOGUE)
    for entry in CATALOGUE.values():
        assert entry.sentence in text
        assert entry.remedy in text


def test_each_code_raised_anywhere_is_in_the_catalogue() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "koa_worker").rglob("*.py"))
    raised = set(re.findall(r'(?:InputRejected|WorkFailed|UnknownRecord|SetupError)\(\s*"([a-z_]+)"', sources))
    assert raised
    assert raised <= set(CATALOGUE)


def test_the_particular_goes_into_the_sentence() -> None:
    assert explain("empty_file") == "The file is empty. Export it again."
    assert str(InputRejected("truncated", "17 of 40 bytes")).startswith(
        "The file ends before its contents do (17 of 40 bytes). "
    )
