"""A worker on another machine gets a complete release."""

from pathlib import Path

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.release import Release, model_folder


def test_a_release_can_be_set_up_elsewhere_from_its_contents(tmp_path: Path) -> None:
    release = Release.open(model_folder())
    for name, content in release.contents().items():
        (tmp_path / name).write_bytes(content)
    assert Grader.load(tmp_path).digest == release.digest
