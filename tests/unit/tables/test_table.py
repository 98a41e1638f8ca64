"""The flat table: readable by spreadsheets and scripts, harmless to both."""

import io
import json
from datetime import UTC, datetime

import pytest

from koa_worker.tables.table import write_csv, write_json

ROW = {"id": "a", "reasons": ["x", "y"], "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "kl": 2, "mm": None}


def as_csv(*rows: dict[str, object], columns: tuple[str, ...] = ()) -> str:
    stream = io.StringIO()
    write_csv(rows, stream, columns or tuple(rows[0]))
    return stream.getvalue()


def test_csv_has_a_head_and_plain_cells() -> None:
    assert as_csv(ROW) == "id,reasons,at,kl,mm\na,x; y,2026-01-02T03:04:05+00:00,2,\n"


def test_an_empty_table_has_its_head() -> None:
    assert as_csv(columns=("id", "kl")) == "id,kl\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_text_that_would_run_as_a_formula_is_disarmed(text: str) -> None:
    assert as_csv({"id": text}) in {f"id\n'{text}\n", f'id\n"\'{text}"\n'}


def test_numbers_below_zero_stay_numbers() -> None:
    assert as_csv({"x": -5}) == "x\n-5\n"


def test_json_is_one_object_a_line() -> None:
    stream = io.StringIO()
    write_json([ROW, ROW], stream)
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first == second == {**ROW, "at": "2026-01-02T03:04:05+00:00"}
