"""The conformance statement describes the code correctly."""

import re
from pathlib import Path

from koa_worker.publish.objects import codes
from koa_worker.receive import offers

TEXT = (Path(__file__).parents[4] / "docs/dicom-conformance.md").read_text(encoding="utf-8")


def test_every_private_code_is_documented_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `([A-Z0-9]+)` \| ([^|]+) \|", TEXT, re.MULTILINE))
    assert rows == {code.value: code.meaning for code in codes.private()}
    assert {code.scheme_designator for code in codes.private()} == {codes.SCHEME}
    assert codes.SCHEME in TEXT


def test_codes_fit_their_elements() -> None:
    for code in codes.private():
        assert len(code.value) <= 16
        assert len(code.meaning) <= 64


def test_no_unit_reads_as_a_number_where_a_viewer_leaves_a_zero_out() -> None:
    units = (codes.PERCENT, codes.STEPS, codes.MILLIMETRE, codes.DAY, *codes.GRADE_UNITS.values())
    assert not any(unit.value[0].isdigit() for unit in units)
    assert {kl: unit.value for kl, unit in codes.GRADE_UNITS.items()} == {kl: f"{{KL{kl}}}" for kl in range(5)}
    assert not any(" " in unit.value for unit in units)  # UCUM: characters 33 to 126


def test_what_is_accepted_is_documented_and_nothing_else() -> None:
    receiver = TEXT.split("### 3.1")[1].split("### 3.2")[0]
    named = set(re.findall(r"1\.2\.840\.10008[.\d]+", receiver))
    assert named == {
        *offers.STORAGE_CLASSES,
        *offers.PASSED_OVER,
        *offers.TRANSFER_SYNTAXES,
        offers.VERIFICATION,
    }
