"""Every language has every word, and each can be said with the values that the original has."""

from __future__ import annotations

import string
import threading
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from koa_worker import RESEARCH_NOTICE, languages
from koa_worker.config import ReportSettings
from koa_worker.languages import ENGLISH, catalogue, names, number, say, speaking
from koa_worker.report import course_words, words
from koa_worker.study.earlier import PatientExams
from koa_worker.values import GRADE_WORDS, Patient, ReviewCode, ReviewReason, Spacing, SpacingSource

OTHERS = [name for name in names() if name != ENGLISH]
_PERCENT = {"percent", "value", "limit"}  # a reason may be said with either


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_and_german_are_there() -> None:
    assert {"en", "de"} <= set(names())


@pytest.mark.parametrize("language", OTHERS)
def test_no_word_is_missing_and_none_is_too_many(language: str) -> None:
    assert set(catalogue(language)) == set(catalogue(ENGLISH))


@pytest.mark.parametrize("language", OTHERS)
def test_each_word_has_the_values_of_the_original(language: str) -> None:
    for key, word in catalogue(ENGLISH).items():
        translated = placeholders(catalogue(language)[key])
        assert translated - _PERCENT == placeholders(word) - _PERCENT, key
        assert catalogue(language)[key].strip(), key


@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_ends_like_the_original(language: str) -> None:
    for key, word in catalogue(ENGLISH).items():
        assert catalogue(language)[key].endswith(".") == word.endswith(".") or key.startswith(("form.", "report."))


def test_the_words_of_the_other_outputs_are_the_same() -> None:
    assert {kl: words.grade_word(kl) for kl in GRADE_WORDS} == GRADE_WORDS
    assert say("report.notice") == RESEARCH_NOTICE


@pytest.mark.parametrize("language", names())
def test_every_reason_for_a_review_can_be_said(language: str) -> None:
    with speaking(language):
        for code in ReviewCode:
            reason = ReviewReason(code, 0.31, 0.45, "kept")
            assert words.review_reason(reason)
            assert "{" not in words.review_reason(reason)
            assert words.review_in_short(reason)


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        (0.39, 0.45, "The confidence, 39%, is below 45%."),
        (0.568, 0.572, "The confidence, 56.8%, is below 57.2%."),
        (0.5699, 0.57, "The confidence, 56.99%, is below 57.00%."),
    ],
)
def test_what_is_below_a_limit_is_not_told_as_equal_to_it(value: float, limit: float, said: str) -> None:
    assert words.review_reason(ReviewReason(ReviewCode.LOW_CONFIDENCE, value, limit)) == said


def test_german_numbers_and_days_are_written_as_in_german() -> None:
    with speaking("de"):
        assert number(2.14, 1) == "2,1"
        assert words.day(date(2026, 11, 20)) == "20.11.2026"
        assert words.born(Patient(birth_date=date(1951, 3, 12)), datetime(2026, 11, 20)) == "12.03.1951 (75 J.)"
        assert words.pixel_size(Spacing(0.148, 0.148, SpacingSource.DETECTOR)).startswith("0,148 mm pro Pixel")
        low = ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.39, 0.45)
        assert words.review_reason(low) == "Die Konfidenz von 39\u00a0% liegt unter 45\u00a0%."
        assert course_words.notices(PatientExams(newest=date(2026, 12, 1)))[0].endswith("vom 01.12.2026.")
    assert words.day(date(2026, 11, 20)) == "2026-11-20"


def test_a_time_has_the_distance_of_its_zone_from_utc() -> None:
    at = datetime(2026, 11, 20, 10, 42)
    assert words.moment(at) == "2026-11-20 10:42"
    assert words.moment(at.replace(tzinfo=UTC)) == "2026-11-20 10:42 UTC"
    assert words.moment(at.replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))) == "2026-11-20 10:42 UTC+05:30"
    assert words.moment(at.replace(tzinfo=timezone(timedelta(hours=-8), "CST"))) == "2026-11-20 10:42 UTC-08:00"


def test_a_language_is_spoken_in_its_own_thread_only() -> None:
    heard: list[str] = []
    with speaking("de"):
        other = threading.Thread(target=lambda: heard.append(languages.language()))
        other.start()
        other.join()
        assert languages.language() == "de"
    assert heard == [ENGLISH]
    assert languages.language() == ENGLISH


def test_a_language_that_nobody_translated_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="there are only: de, en"):
        ReportSettings(language="xx")
