"""The page to bring radiographs by, as a form without script uses it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.web import receive_upload

Enter = Callable[[str], Any]


def _send(browser: Any, *files: tuple[bytes, str], csrf: str | None = None) -> Any:
    form = {"csrf": csrf or browser.token("/"), "files": [(io.BytesIO(content), name) for content, name in files]}
    return browser.client.post("/upload", data=form)


def test_every_file_of_a_form_goes_into_the_inbox(logged_in: Enter, config: Config, users: Store) -> None:
    anna = logged_in("anna")
    answer = _send(anna, (b"\x89PNG one", "Ivanova <b>.png"), (b"DICM two", "../../two.dcm"), (b"", "empty.dcm"))
    assert answer.status_code == 303
    assert "Ivanova" not in answer.location
    lying = sorted(path.read_bytes() for path in config.folders.inbox.iterdir())
    assert lying == [b"DICM two", b"\x89PNG one"]
    assert all(path.name.startswith("upload-") for path in config.folders.inbox.iterdir())
    page = anna.get(answer.location).text
    for said in ("Ivanova &lt;b&gt;.png", "Waiting", "The file is empty."):
        assert said in page, said


def test_a_form_that_is_forged_too_large_or_not_allowed_brings_nothing(
    logged_in: Enter, config: Config, users: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_upload, "most_bytes", lambda: 1000)
    anna = logged_in("anna")
    assert _send(anna, (b"x", "a.dcm"), csrf="0" * 64).status_code == 403
    assert _send(anna, (b"x" * 1001, "a.dcm")).location.endswith("refused=too_large")
    assert _send(anna, (b"x" * 100_000, "a.dcm")).status_code == 413
    assert _send(logged_in("victor"), (b"x", "a.dcm")).status_code == 403
    assert logged_in("victor").get("/upload").status_code == 403
    assert list(config.folders.inbox.iterdir()) == []


def test_other_forms_stay_small(logged_in: Enter, graded: Any) -> None:
    anna = logged_in("anna")
    answer = anna.client.post("/", data={"csrf": anna.token("/"), "text": "x" * 100_000})
    assert answer.status_code == 413
