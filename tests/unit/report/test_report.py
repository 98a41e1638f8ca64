"""The finished file: its content, its appearance, and that it is never incomplete."""

from __future__ import annotations

import dataclasses
import stat
import unicodedata
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koa_worker import RESEARCH_NOTICE
from koa_worker.config import ReportSettings
from koa_worker.errors import CATALOGUE, WorkFailed
from koa_worker.languages import names
from koa_worker.report import draft, put
from koa_worker.report.content import RejectedEntry, StudyReport
from koa_worker.report.pdf import render
from koa_worker.values import Patient, Side, Study

SETTINGS = ReportSettings(institution="Example Hospital")
NAMES = [
    "Иванов Иван",
    "Παπαδόπουλος Γιώργος",
    "כהן דוד",
    "山田 太郎 (Yamada Tarou)",
    "王小明",
    "홍길동",
    "Nguyễn Thị Hoa",
    "สมชาย",
]
Make = Callable[..., StudyReport]


def open_pdf(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(data))


def words_of(data: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in open_pdf(data).pages)


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_a_bilateral_study_is_one_light_page(make_bilateral: Make, paper: str) -> None:
    data = render(make_bilateral(), ReportSettings(paper=paper))
    assert len(open_pdf(data).pages) == 1
    assert len(data) < 1_000_000


def test_it_says_who_what_and_how_sure(make_bilateral: Make) -> None:
    said = words_of(render(make_bilateral(), SETTINGS))
    for part in (
        "Lindqvist Anna Maria",
        "KOA-004711",
        "1951-03-12 (75 y)",
        "female",
        "2026-11-20 10:42",
        "A2026-118204",
        "Example Hospital",
        "Right",
        "2 minimal",
        "58 %",
        "71 %",
        "Left",
        "1 doubtful",
        "Review",
        "The confidence, 39%, is below 45%.",
        "2000 × 1600 pixels",
        "0.148 mm per pixel, in the detector plane",
        "koa-small-v1",
        "9f86d081884c",
        "koa-worker 0.1.0",
        "2026-11-21 10:15 UTC",
        "revision 1",
    ):
        assert part in said, part


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_can_be_copied_from_the_page(make_bilateral: Make, name: str) -> None:
    said = words_of(render(make_bilateral(Patient(name, "1")), SETTINGS))
    for part in name.split():
        assert part in said


def test_an_arabic_name_can_be_searched_by_its_letters(make_bilateral: Make) -> None:
    said = words_of(render(make_bilateral(Patient("محمد سالم عبد الله الأزهري")), SETTINGS))
    for part in ("محمد", "سالم", "عبد", "الله"):
        assert part in said
    assert "الأزهري" in unicodedata.normalize("NFKC", said)


def test_every_page_names_its_patient_its_number_its_model_and_the_notice(make_study: Make) -> None:
    pages = open_pdf(render(make_study(6), SETTINGS)).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        said = page.extract_text()
        for part in ("Lindqvist", "koa-small-v1", RESEARCH_NOTICE, f"Page {number} of {len(pages)}"):
            assert part in said


def test_the_right_knee_of_an_image_comes_first_in_whatever_order_they_were_found(make_bilateral: Make) -> None:
    report = make_bilateral()
    (image,) = report.images
    turned = dataclasses.replace(report, images=(dataclasses.replace(image, knees=image.knees[::-1]),))
    assert render(report, SETTINGS) == render(turned, SETTINGS)
    said = words_of(render(report, SETTINGS))
    assert said.index("Right") < said.index("Left")


def test_images_are_shown_in_their_order_under_their_own_numbers(make_study: Make) -> None:
    """One that came later has the highest number, even if it was taken first."""
    report = make_study(3, single=True)
    late = tuple(
        dataclasses.replace(image, number=number) for image, number in zip(report.images, (3, 1, 2), strict=True)
    )
    said = words_of(render(dataclasses.replace(report, images=late), SETTINGS))
    places = [said.index(f"Image {number} of 3") for number in (3, 1, 2)]
    assert places == sorted(places)


@pytest.mark.parametrize("language", names())
@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_two_single_radiographs_share_a_page(make_study: Make, paper: str, language: str) -> None:
    settings = ReportSettings(paper=paper, language=language)
    assert len(open_pdf(render(make_study(2, single=True), settings)).pages) == 1


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_two_bilateral_radiographs_share_a_page_after_the_first(make_study: Make, paper: str) -> None:
    assert len(open_pdf(render(make_study(4, size=(700, 560)), ReportSettings(paper=paper))).pages) == 3


def test_a_long_institution_is_written_smaller_before_it_is_cut(make_bilateral: Make) -> None:
    house = "Universitätsklinikum Musterstadt Ost"
    assert house in words_of(render(make_bilateral(), ReportSettings(institution=house, language="de")))


@pytest.mark.parametrize("code", [code for code, entry in CATALOGUE.items() if entry.fault == "rejected"])
def test_what_was_not_graded_is_told_with_its_remedy(make_study: Make, code: str) -> None:
    said = words_of(render(make_study(0, rejected=(RejectedEntry("ab12cd34ef", code, "row 7"),)), SETTINGS))
    assert "No knee was graded." in said
    assert CATALOGUE[code].sentence[:-1] in said
    assert CATALOGUE[code].remedy[:60] in said
    assert "row 7" in said
    assert code in said


def test_many_refusals_run_over_pages_and_none_is_lost(make_study: Make) -> None:
    entries = tuple(RejectedEntry(f"{number:08x}", "damaged") for number in range(60))
    data = render(make_study(1, rejected=entries), SETTINGS)
    said = words_of(data)
    assert len(open_pdf(data).pages) > 1
    assert all(entry.id in said for entry in entries)


def test_a_plain_picture_says_what_is_known_and_no_more(make_plain: Make) -> None:
    said = words_of(render(make_plain(), SETTINGS))
    assert "names no patient and no study" in said
    assert "PNG" in said
    assert "2.25.1234" in said
    assert "Unknown" in said
    assert "mm per pixel" not in said


def test_missing_fields_are_called_not_stated(make_bilateral: Make) -> None:
    bare = dataclasses.replace(make_bilateral(Patient()), study=Study("1.2", "1.2.1"))
    assert words_of(render(bare, SETTINGS)).count("not stated") == 7


def test_a_knee_of_an_older_model_says_so(make_bilateral: Make) -> None:
    report = make_bilateral()
    newer = dataclasses.replace(report, graded_by=dataclasses.replace(report.graded_by, model="koa-large-v2"))
    said = words_of(render(newer, SETTINGS))
    assert "koa-large-v2" in said
    assert said.count("koa-small-v1") == 2


def test_metadata_tells_nothing_of_the_patient(make_bilateral: Make) -> None:
    data = render(make_bilateral(), SETTINGS)
    known = open_pdf(data).metadata
    assert known is not None
    assert known.title == "Knee osteoarthritis report 5f0c1e8a9b7d, revision 1"
    assert known.author == "koa-worker"
    assert known.subject == RESEARCH_NOTICE
    assert str(known.creation_date) == "2026-11-21 10:15:00+00:00"
    assert "Lindqvist" not in str(known)


def test_every_font_is_embedded(make_bilateral: Make) -> None:
    page = open_pdf(render(make_bilateral(Patient("山田 محمد Ω")), SETTINGS)).pages[0]
    for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
        assert "/FontFile2" in font.get_object()["/FontDescriptor"]


def test_the_same_content_gives_the_same_bytes(make_bilateral: Make) -> None:
    assert render(make_bilateral(), SETTINGS) == render(make_bilateral(), SETTINGS)


def test_it_is_readable_by_its_owner_only_and_leaves_nothing_beside_it(make_bilateral: Make, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")
    path.chmod(0o644)
    part, _ = draft(path, 1, render(make_bilateral(), SETTINGS))
    put(part, path)
    assert path.read_bytes().startswith(b"%PDF")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_breaks_off_leaves_the_old_report(
    make_bilateral: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkFailed, match="No space left"):
        draft(path, 1, render(make_bilateral(), SETTINGS))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_failure_of_ours(make_bilateral: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkFailed):
        draft(tmp_path / "none" / "report.pdf", 1, render(make_bilateral(), SETTINGS))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(alphabet=st.characters(), max_size=300),
    number=st.text(alphabet=st.characters(), max_size=100),
    birth=st.none() | st.dates(),
    sex=st.text(alphabet=st.characters(), max_size=20),
)
def test_no_patient_breaks_the_report(
    make_bilateral: Make, name: str, number: str, birth: date | None, sex: str
) -> None:
    data = render(make_bilateral(Patient(name, number, birth, sex)), SETTINGS)
    assert len(open_pdf(data).pages) == 1


@pytest.mark.parametrize("size", [(640, 161), (161, 640), (2500, 2000), (224, 224), (4000, 300)])
def test_a_frame_of_any_shape_stays_on_one_page(make_study: Make, size: tuple[int, int]) -> None:
    data = render(make_study(1, size=size), SETTINGS)
    assert len(open_pdf(data).pages) == 1


def test_a_file_that_contradicts_its_study_is_warned_of_on_the_first_page(make_study: Make) -> None:
    report = make_study(2, single=True)
    first, second = report.images
    odd = (dataclasses.replace(first, patient_differs=True), dataclasses.replace(second, identity_taken=True))
    page = open_pdf(render(dataclasses.replace(report, images=odd), SETTINGS)).pages[0]
    said = " ".join(page.extract_text().split())
    assert f"Image {first.number} names a different patient than its study" in said
    assert f"Image {second.number} has the same SOP Instance UID as an earlier image" in said


def test_an_unknown_side_is_never_shown_as_one(make_study: Make) -> None:
    said = words_of(render(make_study(1, side=Side.UNKNOWN), SETTINGS))
    assert "Knee, side unknown" in said
    assert "Right" not in said
    assert "Left knee" not in said
