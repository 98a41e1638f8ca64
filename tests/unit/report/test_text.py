"""Names on the page: no character is hidden, reordered or lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koa_worker.report import text
from koa_worker.report.fonts import UNPRINTABLE


@pytest.mark.parametrize(
    "name",
    [
        "Müller-Lüdenscheidt",
        "Nguyễn Thị Hoa",
        "Łukasz Żółć",
        "Иванов Иван",
        "Ґудзь Їжак",
        "Παπαδόπουλος Γιώργος",
        "山田 太郎",
        "やまだ たろう",
        "ヤマダ タロウ",
        "王小明",
        "劉德華",
        "홍길동",
        "כהן דוד",
        "สมชาย",
        "Պետրոսյան",
        "ბერიძე",
        "محمد پرویز گل",
        "髙橋 﨑",
    ],
)
def test_every_sign_of_a_name_has_a_glyph(name: str) -> None:
    assert UNPRINTABLE not in "".join(run.text for run in text.runs(name))


def test_a_direction_override_cannot_show_one_name_as_another() -> None:
    assert text.clean("Smith \u202eenaJ\u202c\u2066x\u2069\u200f") == "Smith enaJx"


def test_control_characters_and_half_characters_stay_visible() -> None:
    assert text.clean("A\x00B\x1b[31mC\ud800D") == f"A{UNPRINTABLE}B{UNPRINTABLE}[31mC{UNPRINTABLE}D"


def test_white_space_of_any_kind_becomes_one_space() -> None:
    assert text.clean(" Anna\t\r\n\u2003 Maria\u3000") == "Anna Maria"


def test_decomposed_and_composed_names_print_alike() -> None:
    assert text.runs("Mu\u0308ller") == text.runs("Müller")


def test_hebrew_is_turned_and_latin_beside_it_is_not() -> None:
    assert text.visual("כהן (Cohen) 7") == "ןהכ (Cohen) 7"


def test_arabic_letters_are_joined() -> None:
    assert text.visual("محمد") == "\ufeaa\ufee4\ufea4\ufee3"


def test_a_zero_width_non_joiner_parts_persian_letters_and_is_not_printed() -> None:
    parted, joined = text.visual("علی\u200cرضا"), text.visual("علیرضا")
    assert parted != joined
    assert "\u200c" not in parted


def test_shortening_keeps_the_beginning_and_says_that_something_is_missing() -> None:
    short = text.shorten("Wolfeschlegelsteinhausenbergerdorff", 60.0, 10.0)
    assert short.startswith("Wolfe")
    assert short.endswith(text.ELLIPSIS)
    assert text.width(short, 10.0) <= 60.0


def test_what_fits_is_not_shortened() -> None:
    assert text.shorten("Anna", 60.0, 10.0) == "Anna"


def test_wrapping_breaks_between_words_and_inside_a_word_only_when_it_must() -> None:
    assert text.wrap("one two three", text.width("one two", 10.0) + 1, 10.0) == ("one two", "three")
    pieces = text.wrap("1234567890" * 3, 60.0, 10.0, most=9)
    assert "".join(pieces) == "1234567890" * 3
    assert all(text.width(piece, 10.0) <= 60.0 for piece in pieces)


@given(st.text(alphabet=st.characters(), max_size=120), st.floats(15.0, 300.0))
def test_any_text_can_be_set_in_any_room(content: str, room: float) -> None:
    lines = text.wrap(content, room, 9.0, most=3)
    assert 1 <= len(lines) <= 3
    for line in (*lines, text.shorten(content, room, 9.0)):
        assert len(line) <= 1 or text.width(line, 9.0) <= room + 0.01


@given(st.text(alphabet=st.characters(), max_size=80))
def test_cleaning_leaves_nothing_to_clean(content: str) -> None:
    once = text.clean(content)
    assert text.clean(once) == once
