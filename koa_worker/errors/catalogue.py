"""All entries together, and the text for a person that is made of one."""

from __future__ import annotations

from koa_worker.errors.entry import CatalogueEntry
from koa_worker.errors.of_files import OF_FILES
from koa_worker.errors.of_requests import OF_REQUESTS
from koa_worker.errors.of_setup import OF_SETUP
from koa_worker.errors.of_work import OF_WORK

CATALOGUE: dict[str, CatalogueEntry] = OF_FILES | OF_WORK | OF_SETUP | OF_REQUESTS


def explain(code: str, detail: str = "") -> str:
    """The text for a person: what happened, the details of this case, and what to do."""
    entry = CATALOGUE[code]
    return f"{entry.sentence_with(detail)} {entry.remedy}"
