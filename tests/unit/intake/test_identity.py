"""The hash of a file, and what has none."""

import hashlib
from pathlib import Path

import pytest

from koa_worker.intake import digest
from tests import make


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"knee")
    assert digest(tmp_path / "a") == hashlib.sha256(b"knee").hexdigest()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", make.IRREGULAR)
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - each kind has another
        digest(make.irregular(tmp_path / "knee.dcm", kind))
