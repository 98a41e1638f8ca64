"""How reports of many shapes look: nothing overflows or covers other words, no page is half empty, no repetition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import pypdf
import pytest

from koa_worker.config import ReportSettings
from koa_worker.languages import names, say, speaking
from koa_worker.report import page_frame, text, words
from koa_worker.report.content import StudyReport
from koa_worker.report.pdf import render
from koa_worker.report.sheet import FOOT, TOP, Rect, Sheet
from koa_worker.values import GRADES
from tests.unit.report.layouts import every_layout
from tests.unit.report.test_report import open_pdf

LAYOUTS = tuple(every_layout())
Layouts = dict[str, StudyReport]


@dataclass
class Drawn:
    """What was drawn on one page."""

    texts: list[tuple[str, Rect]] = field(default_factory=list)
    lowest: float = 0.0


class Watched:
    """Notes each line of text, until the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = [Drawn()]
        really, foot = Sheet.text, page_frame._draw_mark

        def write(sheet: Sheet, x: float, y: float, said: str, size: float, **how) -> float:
            wide = really(sheet, x, y, said, size, **how)
            start = x - wide * {"left": 0.0, "right": 1.0, "centre": 0.5}[how.get("align", "left")]
            page = self.pages[-1]
            page.texts.append((said, Rect(start, y - size * 0.7, wide, size * 0.7)))
            if y < sheet.bottom:
                page.lowest = max(page.lowest, y)
            return wide

        def end(sheet: Sheet) -> None:
            foot(sheet)
            self.pages.append(Drawn())

        monkeypatch.setattr(Sheet, "text", write)
        monkeypatch.setattr(page_frame, "_draw_mark", end)

    def drawn(self) -> Iterator[Drawn]:
        return (page for page in self.pages if page.texts)


def overlap(one: Rect, other: Rect) -> bool:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return across > 0.5 and down > 0.5


@pytest.mark.parametrize("paper", ["A4", "letter"])
@pytest.mark.parametrize("language", names())
@pytest.mark.parametrize("name", LAYOUTS)
def test_words_stay_on_the_page_and_beside_each_other(
    layouts: Layouts, name: str, language: str, paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    render(layouts[name], ReportSettings(language=language, paper=paper, institution="Example Hospital"))
    width, height = {"A4": (595.3, 841.9), "letter": (612.0, 792.0)}[paper]
    for page in watched.drawn():
        for said, place in page.texts:
            assert place.x >= 41.0, said
            assert place.x + place.width <= width - 41.0, said
            assert TOP - 6 <= place.y <= height - FOOT + 40, said
        for (said, place), (other, beside) in combinations(page.texts, 2):
            assert not overlap(place, beside), (said, other)


@pytest.mark.parametrize("paper", ["A4", "letter"])
@pytest.mark.parametrize("language", names())
@pytest.mark.parametrize("name", LAYOUTS)
def test_of_our_own_words_none_is_cut_off(
    layouts: Layouts, name: str, language: str, paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    render(layouts[name], ReportSettings(language=language, paper=paper))
    for page in watched.drawn():
        assert not [said for said, _ in page.texts if said.endswith(text.ELLIPSIS)]


@pytest.mark.parametrize("paper", ["A4", "letter"])
@pytest.mark.parametrize("language", names())
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_page_of_several_is_more_than_half_empty(
    layouts: Layouts, name: str, language: str, paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    render(layouts[name], ReportSettings(language=language, paper=paper))
    height = {"A4": 841.9, "letter": 792.0}[paper]
    pages = list(watched.drawn())
    for page in pages if len(pages) > 1 else ():
        assert page.lowest >= TOP + 0.47 * (height - FOOT - TOP)


@pytest.mark.parametrize("language", names())
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_sentence_is_said_twice_on_a_page(layouts: Layouts, name: str, language: str) -> None:
    report = layouts[name]
    own = {words.review_reason(reason) for knee in report.study_knees for reason in knee.review_reasons}
    for page in open_pdf(render(report, ReportSettings(language=language))).pages:
        said = re.findall(r"(?<=[.:] )[A-ZÄÖÜ][^.:;·]{25,}\.", " ".join(page.extract_text().split()))
        twice = {sentence for sentence in said if said.count(sentence) > 1} - own
        assert not {one for one in twice if not re.search(r"\d", one)}  # two knees may have been measured alike


def test_what_was_measured_is_apart_from_what_the_scale_means(layouts: Layouts) -> None:
    """A definition of the scale is in the column that says so, never beside a knee."""
    said = first_page(layouts["one knee"])
    assert "Measured: minimum joint space medial 2.1 mm, lateral 4.7 mm (±0.4 mm; magnification unknown)." in said
    heading = said.index("What the scale means: definitions, not findings")
    for kl in GRADES:
        assert said.index(words.grade_meaning(kl)[:30]) > heading
        assert said.count(words.grade_meaning(kl)[:30]) == 1


def test_the_first_page_says_who_read_and_what_no_flag_means(layouts: Layouts) -> None:
    said = first_page(layouts["bilateral"])
    assert "Computed, not read by a physician." in said
    assert "No flag: no automatic check found a reason for a second look; the grade may still be wrong." in said
    assert "No flag:" not in first_page(layouts["four images"])  # there each knee has one
    assert "(±0.4 mm; calibrated)" in first_page(layouts["calibrated"])
    assert "% of the tibial width (±0.5 %)" in first_page(layouts["no spacing"])


def test_refused_knees_are_on_the_first_page_also_those_of_rejected_files(layouts: Layouts) -> None:
    for name in ("rejected only", "rejected beside"):
        said = first_page(layouts[name])
        assert "There is an implant or other metal over the joint." in said
        assert "The edge of the image cuts off a part of the joint." in said
        assert "file ab12cd34" in said
    said = first_page(layouts["refused"])
    assert said.index("Right") < said.index("Left") < said.index("There is an implant")


def test_a_german_report_has_no_english_words(layouts: Layouts) -> None:
    for name in ("flagged", "rejected beside", "earlier exams", "site scale", "contradicting"):
        said = all_pages(layouts[name], "de")
        for word in (" knee", "Review", "Image ", "joint space", "What to do", "Report", "confidence", " of "):
            assert word not in said, word
        assert "Nicht für die Diagnostik" in said


def test_the_later_pages_say_that_no_physician_read(layouts: Layouts) -> None:
    _, *later = open_pdf(render(layouts["four images"], ReportSettings())).pages
    assert later
    assert all("Computed, not read by a physician" in page.extract_text() for page in later)


def test_the_language_is_that_of_the_document(layouts: Layouts) -> None:
    found = open_pdf(render(layouts["one knee"], ReportSettings(language="de")))
    assert found.trailer["/Root"]["/Lang"] == "de"  # type: ignore[index]
    with speaking("de"):
        assert found.metadata is not None
        assert str(found.metadata.title).startswith(say("report.title"))


def first_page(report: StudyReport) -> str:
    return spoken(open_pdf(render(report, ReportSettings())).pages[0])


def all_pages(report: StudyReport, language: str) -> str:
    return " ".join(spoken(page) for page in open_pdf(render(report, ReportSettings(language=language))).pages)


def spoken(page: pypdf.PageObject) -> str:
    return " ".join(page.extract_text().split()).replace("\u00a0", " ")
