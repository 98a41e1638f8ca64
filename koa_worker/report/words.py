"""The sentences of a report, composed of the words in `languages/`: in English, or in the current language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from koa_worker.errors import CATALOGUE, Fault
from koa_worker.languages import number, say
from koa_worker.study.earlier import SCATTER_MM, SCATTER_RATIO
from koa_worker.values import (
    Compartment,
    CompartmentName,
    Grade,
    GradedBy,
    JointSpace,
    Patient,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
)

AUTHOR = "koa-worker"


def review_reason(reason: ReviewReason) -> str:
    """A reason to review a knee, as a sentence."""
    clear_percent, clear_limit = _told_apart((reason.value or 0.0) * 100, (reason.limit or 0.0) * 100)
    return say(
        f"review.{reason.code}",
        value=reason.value,
        limit=reason.limit,
        percent=(reason.value or 0.0) * 100,
        clear_percent=clear_percent,
        clear_limit=clear_limit,
        text=reason.text,
    )


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Both as whole numbers, or with as many decimals as show that they differ: 57 is not below 57."""
    for places in range(4):
        pair = number(one, places), number(other, places)
        if pair[0] != pair[1]:
            return pair
    return number(one, 0), number(other, 0)


def review_in_short(reason: ReviewReason) -> str:
    """The same reason in a few words."""
    return say(f"review_short.{reason.code}")


def reviews_in_short(reasons: Sequence[ReviewReason], shown: int) -> str:
    """The first reasons in a few words, and the number of the others."""
    more = say("review_short.more", count=len(reasons) - shown) if shown < len(reasons) else ""
    return say("review_short.list", reasons=", ".join(map(review_in_short, reasons[:shown])) + more)


def grade_word(kl: int) -> str:
    return say(f"grade.{kl}")


def grade_meaning(kl: int) -> str:
    """The definition of the grade by Kellgren and Lawrence; it is not a finding."""
    return say(f"meaning.{kl}")


def side(of_knee: Side) -> str:
    return say(f"side.{of_knee}")


def knee_title(of_knee: Side) -> str:
    return say(f"knee.{of_knee}")


def compartment(name: CompartmentName) -> str:
    return say(f"compartment.{name}")


def percent(share: float) -> str:
    """A share as percent, never 0 % or 100 %: no model is that certain."""
    if share < 0.005:
        return "<1\u00a0%"
    if share >= 0.995:
        return ">99\u00a0%"
    return f"{share * 100:.0f}\u00a0%"


def day(when: date | None) -> str:
    return when.strftime(say("form.day")) if when else ""


def moment(when: datetime | None) -> str:
    """Day and minute. Midnight means that the study gives no time of day, so it is left out."""
    if when is None:
        return ""
    if (when.hour, when.minute) == (0, 0):
        return day(when)
    return f"{when.strftime(say('form.minute'))} {_zone(when)}".rstrip()


def _zone(when: datetime) -> str:
    """The zone as its distance from UTC: names such as CST are of several zones."""
    offset = when.utcoffset()
    if offset is None:
        return ""
    minutes = abs(offset) // timedelta(minutes=1)
    sign = "-" if offset < timedelta(0) else "+"
    return f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"


def born(patient: Patient, on: datetime | None) -> str:
    """The birth date, with the age on the day of the study if both dates are known and plausible."""
    birth = patient.birth_date
    if birth is None:
        return ""
    years = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day)) if on else -1
    return say("form.age", day=day(birth), years=years) if 0 <= years <= 130 else day(birth)


def sex(patient: Patient) -> str:
    code = patient.sex.upper()
    return say(f"sex.{code}") if code in {"M", "F", "O"} else patient.sex


def pixel_size(spacing: Spacing | None) -> str:
    """The pixel size and the plane in which it is valid; empty if the file gives none."""
    if spacing is None or spacing.source is SpacingSource.NONE:
        return ""
    across, down = number(spacing.column_mm, 3), number(spacing.row_mm, 3)
    return say(f"image.{spacing.source}", size=across if across == down else f"{down} × {across}")


def reading(space: JointSpace | None) -> str:
    """The measurements of one knee and their scatter, as a sentence; empty if nothing was measured."""
    if space is None:
        return ""
    if not any(part.clear for part in space.compartments):
        return say("joint_space.unmeasured", widths=say("joint_space.unclear"))
    limits = "; ".join(limit for limit in (_scatter(space), _limit(space)) if limit)
    return say("joint_space.measured", widths=f"{_widths(space)} ({limits})")


_ORDER = tuple(CompartmentName)


def joint_space(space: JointSpace) -> str:
    """The minimum width of both compartments, and the plane of the millimetres."""
    if not any(part.clear for part in space.compartments):
        return say("joint_space.unclear")
    return f"{_widths(space)} ({plane(space)})" if plane(space) else _widths(space)


def _widths(space: JointSpace) -> str:
    found = sorted(space.compartments, key=lambda part: _ORDER.index(part.name))
    return ", ".join(f"{compartment(part.name)} {width(part)}" for part in found)


def width(part: Compartment) -> str:
    """The minimum width of one compartment."""
    if part.min_mm is not None:
        return f"{number(part.min_mm, 1)}\u00a0mm"
    if part.min_ratio is not None:
        return say("joint_space.ratio", share=number(part.min_ratio * 100, 1))
    return say("joint_space.one_unclear")


def _scatter(space: JointSpace) -> str:
    in_mm = any(part.min_mm is not None for part in space.compartments)
    return f"±{number(SCATTER_MM, 1)}\u00a0mm" if in_mm else f"±{number(SCATTER_RATIO * 100, 1)}\u00a0%"


def _limit(space: JointSpace) -> str:
    return say(f"joint_space.limit_{space.calibration}") if plane(space) else ""


def plane(space: JointSpace) -> str:
    """The plane in which the millimetres were measured; empty if there are none."""
    in_mm = any(part.min_mm is not None for part in space.compartments)
    return say(f"joint_space.{space.calibration}") if in_mm and space.calibration is not SpacingSource.NONE else ""


def image_title(place: int, total: int, view: str) -> str:
    return say("image.title", number=place, total=total) + (f" · {view}" if view else "")


def image_reference(place: int, view: str) -> str:
    return say("image.reference", number=place) + (f" · {view}" if view else "")


def file_label(file_id: str) -> str:
    return say("image.file", file=file_id[:8])


def not_graded(count: int) -> str:
    return say("warning.not_graded" if count > 1 else "warning.not_graded_one", count=count)


def fault(code: str, detail: str = "") -> str:
    """Why a file or a knee was not graded, with the details of this case in brackets."""
    sentence = say(f"fault.{code}") if CATALOGUE[code].fault is Fault.FILE else CATALOGUE[code].sentence
    return f"{sentence[:-1]} ({detail})." if detail else sentence


def remedy(code: str) -> str:
    told = say(f"remedy.{code}") if CATALOGUE[code].fault is Fault.FILE else CATALOGUE[code].remedy
    return say("warning.remedy", remedy=told)


def patient_differs(image: int) -> str:
    return say("warning.patient_differs", number=image)


def identity_taken(image: int) -> str:
    return say("warning.identity_taken", number=image)


def page_of(page: int, pages: int) -> str:
    return say("report.page", page=page, pages=pages)


def model_line(by: GradedBy) -> str:
    site = (say("site.model_line", site=by.site[:12]),) if by.site else ()
    model = say("report.model", model=by.model, digest=by.digest[:12])
    return " · ".join((model, *site, f"{AUTHOR} {by.software}"))


def on_site_scale(grade: Grade) -> str:
    """The notice for a grade on the site's own scale; empty for a grade on the release's scale."""
    return f"{site_scale(grade.site)} {release_says(grade)}" if grade.site else ""


def site_scale(site: str) -> str:
    return say("site.scale", site=site[:12])


def release_says(grade: Grade) -> str:
    """The grade before the site's scale; empty without one."""
    shares = ", ".join(percent(share) for share in grade.by_release)
    return say("site.release", kl=grade.release_kl, shares=shares) if grade.site else ""


def report_line(report_id: str, revision: int, made_at: datetime) -> str:
    """The report's id, its revision, and its time in this machine's time zone."""
    return say("report.made", report=report_id[:12], revision=revision, when=moment(made_at.astimezone()))


def document_title(report_id: str, revision: int) -> str:
    """The title of the PDF. It never names the patient: viewers show it in window titles and recent files."""
    return say("report.document_title", title=say("report.title"), report=report_id[:12], revision=revision)
