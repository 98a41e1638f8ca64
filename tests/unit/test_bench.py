"""The measuring programs: what they write, and that the quick growth runs."""

from dataclasses import replace
from graphlib import CycleError
from pathlib import Path

import numpy as np
import pytest

from bench.growth import measure_archives
from bench.history import history
from bench.layout import arrows_between_rooms, floors_of, fullest_folder
from bench.page import PICTURE, Section, machine, to_markdown, to_terminal
from bench.plots import draw
from bench.site_scale import paired_ratio

BARS = Section("Speeds", "A note.", ("kind", "ms"), (("a", "1.0"), ("b", "2.0")), {"ms": [1.0, 2.0]}, ("a", "b"), "ms")


def test_the_page_names_the_machine_and_the_command_and_holds_the_tables() -> None:
    page = to_markdown([BARS], "python -m bench")
    assert "Made by `python -m bench` on " in page
    assert f"processor {machine()['Processor']}" in page
    assert "## Speeds\n\nA note.\n\nMade by " in page
    assert "\n\n| kind | ms |\n| --- | ---: |\n| a | 1.0 |\n| b | 2.0 |\n" in page
    assert f"]({PICTURE})" in page


def test_a_table_that_is_not_measured_now_stays_with_its_date_and_its_place() -> None:
    other = replace(BARS, title="Sizes", rows=(("a", "7.0"),))
    first = to_markdown([BARS, other], "python -m bench", "## History\n\n| old |\n")
    again = to_markdown(
        [replace(BARS, rows=(("a", "3.0"),))], "python -m bench speeds", "## History\n\n| new |\n", first
    )
    assert [line for line in again.splitlines() if line.startswith("## ")] == ["## Speeds", "## Sizes", "## History"]
    assert again.count("Made by `python -m bench` on ") == again.count("Made by `python -m bench speeds` on ") == 1
    assert [value in again for value in ("| a | 1.0 |", "| a | 3.0 |", "| a | 7.0 |", "| old |", "| new |")] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert to_markdown([], "python -m bench", "## History\n\n| new |\n", again) == again


def test_a_table_is_shown_in_the_terminal() -> None:
    assert to_terminal(BARS).row_count == 2


def test_the_picture_has_a_panel_for_each_table(tmp_path: Path) -> None:
    draw([BARS, BARS, BARS], tmp_path / PICTURE)
    drawn = (tmp_path / PICTURE).read_text()
    assert drawn.count("Speeds") == 3
    assert drawn.startswith("<?xml")


def test_the_page_keeps_the_figures_of_earlier_times() -> None:
    stages = replace(BARS, title="Stages", rows=(("read", "9.0"), ("all", "20.0")), summed=("all",))
    first = to_markdown([stages], "python -m bench", history([stages], ""))
    later = replace(stages, rows=(("read", "9.0"), ("all", "10.0")))
    again = history([later], first)
    assert [line.split(" | ")[-1] for line in again.splitlines() if line.startswith("|")] == [
        "all |",
        "---: |",
        "20.0 |",
        "10.0 |",
    ]
    assert history([BARS], first) == first[first.index("## History") :]
    assert history([BARS], "") == ""


def test_an_archive_with_a_simulated_net_is_graded_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.growth.QUICK_SIZES", (30,))
    section = measure_archives(quick=True)
    ((files, seconds, *_),) = section.rows
    assert files == "30"
    assert float(seconds) > 0


def test_the_knee_s_rooms_stand_on_one_another() -> None:
    """A knee is found first; its margins are traced, for a level look too; then it is graded."""
    floors = floors_of(arrows_between_rooms("koa_worker.knee"))
    finding, joint_space, grading = (
        floors[f"koa_worker.knee.{name}"] for name in ("finding", "joint_space", "grading")
    )
    assert finding < joint_space < grading
    assert fullest_folder("koa_worker.knee")[0] in {f"koa_worker.knee.{name}" for name in ("finding", "grading")}


def test_rooms_that_import_each_other_have_no_floor() -> None:
    with pytest.raises(CycleError):
        floors_of({"a": {"b"}, "b": {"a"}})


def test_the_ratio_of_paired_times_has_an_interval_by_chunk() -> None:
    alike = paired_ratio(np.array([[1.0, 1.1]] * 10))
    assert (alike.value, alike.low, alike.high) == pytest.approx((1.1, 1.1, 1.1))
    uneven = paired_ratio(np.array([[1.0, 1.0], [1.0, 1.4]] * 10))
    assert uneven.value == pytest.approx(1.2)
    assert 1.1 < uneven.low < 1.2 < uneven.high < 1.3
