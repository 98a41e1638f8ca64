"""Garbage is searched rarely while a program loads, and as usual afterwards."""

from __future__ import annotations

import gc

from koa_worker.system import garbage


def test_the_usual_searches_come_back_without_what_was_loaded() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        garbage.begin_loading()
        assert gc.get_threshold()[0] > 10 * usual[0]
        garbage.end_loading()
        assert gc.get_threshold() == usual
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
