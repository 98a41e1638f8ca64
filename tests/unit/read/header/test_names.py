"""Patient names in every character set, from the bytes of files."""

from __future__ import annotations

import numpy as np
import pytest

from koa_worker.read.header import elements

PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)

# The names of PS3.5 annexes H, I, J and K, and of every single-byte repertoire, as bytes.
CASES = {
    "none": ("", b"Doe^Jane", "Doe Jane"),
    "suffix": ("", b"Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Adams John Robert Quincy, Rev., B.A. M.Div."),
    "latin 1": ("ISO_IR 100", "Äneas^Rüdiger".encode("latin1"), "Äneas Rüdiger"),
    "latin 1, undeclared": ("", "Äneas^Rüdiger".encode("latin1"), "Äneas Rüdiger"),
    "latin 2": ("ISO_IR 101", "Dvořák^Antonín".encode("iso8859_2"), "Dvořák Antonín"),
    "latin 5": ("ISO_IR 148", "Çavuşoğlu".encode("iso8859_9"), "Çavuşoğlu"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг^Роза".encode("iso8859_5"), "Люкceмбypг Роза"),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859_7"), "Διονυσιος"),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859_6"), "قباني لنزار"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה".encode("iso8859_8"), "שרון דבורה"),
    "thai": ("ISO_IR 166", "สมชาย".encode("tis_620"), "สมชาย"),
    "unicode": ("ISO_IR 192", "Wang^XiaoDong=王^小东=".encode(), "王 小东 (Wang XiaoDong)"),
    "unicode, undeclared": ("", "Иванов^Иван".encode(), "Иванов Иван"),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), "王 小东 (Wang XiaoDong)"),
    "gbk": ("GBK", "张^伟".encode("gbk"), "张 伟"),
    "japanese H.3.1": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "山田 太郎 (Yamada Tarou, やまだ たろう)",
    ),
    "japanese H.3.2": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "山田 太郎 (ﾔﾏﾀﾞ ﾀﾛｳ, やまだ たろう)",
    ),
    "korean I.2": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "洪 吉洞 (Hong Gildong, 홍 길동)",
    ),
    "chinese K.2": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "张 小东 (Zhang XiaoDong)",
    ),
    "misspelt set": ("ISO_IR_100", "Müller".encode("latin1"), "Müller"),
    "unknown set": ("KLINGON", b"Worf", "Worf"),
    "controls": ("", b"Doe\x07^Ja\x00ne", "Doe Ja ne"),
    "empty": ("", b"", ""),
    "only phonetic": ("ISO_IR 192", "==やまだ^たろう".encode(), "やまだ たろう"),
}


@pytest.mark.parametrize(("charset", "raw", "readable"), CASES.values(), ids=CASES.keys())
def test_names(make, take, charset, raw, readable):
    padded = raw + b" " * (len(raw) % 2)
    declared = (charset + " " * (len(charset) % 2)).encode()
    data = make(PIXELS, PatientName="XX", SpecificCharacterSet="ISO_IR 6")
    data = data.replace(b"PN\x02\0XX", b"PN" + len(padded).to_bytes(2, "little") + padded)
    data = data.replace(b"CS\x08\0ISO_IR 6", b"CS" + len(declared).to_bytes(2, "little") + declared)
    assert take(data).patient.name == readable


def test_other_text_has_the_same_character_set(make, take):
    found = take(make(PIXELS, SpecificCharacterSet="ISO_IR 144", InstitutionName="Больница", StudyDescription="Колено"))
    assert found.study.institution == "Больница"
    assert found.study.description == "Колено"


@pytest.mark.parametrize(
    "mark", ["\u202e", "\u202a", "\u2066", "\u2069", "\u200b", "\u200e", "\u200f", "\ufeff", "\u00ad", "\U000e0041"]
)
def test_what_is_unseen_does_not_turn_one_name_into_another(mark: str) -> None:
    assert elements.clean(f"Doe {mark}enaJ{mark} x") == "Doe enaJ x"


def test_joiners_that_names_are_written_with_stay() -> None:
    assert elements.clean("علی\u200cرضا") == "علی\u200cرضا"
