"""A few hundred mutated files through the daemon; `make torture` runs thousands."""

from pathlib import Path

from tests.acceptance import fuzz


def test_mutated_files_each_end_with_a_grade_or_a_code(tmp_path: Path) -> None:
    ended, _ = fuzz.run(tmp_path, 150, seed=20260304)
    assert ended["completed"] >= 10
    assert len(ended) >= 4
