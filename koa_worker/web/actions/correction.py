"""Correcting the sides and the pixel size of an image whose header is wrong or lacks them."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from koa_worker.store import ImageRecord, StudyRecord
from koa_worker.study.correction import Corrected, Geometry
from koa_worker.values import Laterality, Role, Spacing, SpacingSource
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.study import find

pages = Blueprint("correction", __name__, url_prefix="/studies/<key>/files/<file_id>/correction")

LARGEST_MM = 10.0  # the same limit as for a header: a larger number is in another unit
_SINGLE = {"left": Laterality.LEFT, "right": Laterality.RIGHT}
_EDGES = frozenset({"R", "L"})
_PLANES = {"detector": SpacingSource.DETECTOR, "calibrated": SpacingSource.CALIBRATED}

Answer = Response | str | tuple[str, int]


@pages.get("")
@needs(Role.READ)
def ask(key: str, file_id: str) -> Answer:
    study = find(key)
    return _page(study, _image_of(study, file_id))


@pages.post("")
@needs(Role.READ)
def correct(key: str, file_id: str) -> Answer:
    """Stores the correction with user and time; sides and millimetres are updated, and a new report is written."""
    study = find(key)
    image = _image_of(study, file_id)
    try:
        corrected = _said(image)
    except ValueError:
        fault = f"A pixel size is a number of millimetres above 0 and at most {LARGEST_MM:.0f}. Nothing was changed."
        return _page(study, image, fault=fault), 400
    changed = context().store.corrections.correct(key, file_id, corrected, who=g.user.name)
    if changed:
        note("corrected", key, f"{file_id} {_as_text(corrected)}")
    return redirect(url_for("study.show", key=key, done="corrected" if changed else "same"), 303)


def _page(study: StudyRecord, image: ImageRecord, *, fault: str = "") -> str:
    correction = image.correction
    said = correction.said if correction else Geometry(image.laterality, image.column_zero_side, image.spacing)
    return render_template(
        "correction.html",
        study=study,
        image=image,
        knees=_knees(image),
        said=said,
        own=correction.what if correction else Corrected(),
        fault=fault,
        planes=_PLANES,
    )


def _image_of(study: StudyRecord, file_id: str) -> ImageRecord:
    return next((image for image in study.images if image.file_id == file_id), None) or refuse(404, "not_found")


def _knees(image: ImageRecord) -> int:
    """The number of knees that a person can give a side; 0 if that is not possible for the whole image."""
    places = [knee.roi for knee in image.knees] + [knee.roi for knee in image.refused]
    beside = len(places) == 2 and not any(place.turned % 2 for place in places)
    return len(places) if len(places) == 1 or beside else 0


def _said(image: ImageRecord) -> Corrected:
    """The values of the form; raises ValueError for a number that is not a pixel size."""
    form, knees = request.form, _knees(image)
    side, edge, size = (form.get(name, "") for name in ("side", "edge", "size"))
    if side not in {"", *_SINGLE} or edge not in {"", *_EDGES} or size not in {"", "own"}:
        abort(400)
    laterality = _SINGLE.get(side) if knees else None
    if knees == 2 and edge and laterality is None:
        laterality = Laterality.BOTH
    spacing = _spacing(form.get("mm", ""), form.get("plane", "")) if size else None
    return Corrected(laterality, edge or None if knees else None, spacing)


def _spacing(typed: str, plane: str) -> Spacing:
    mm = float(typed.strip().replace(",", "."))
    if not 0.0 < mm <= LARGEST_MM:
        raise ValueError("no pixel size")
    return Spacing(mm, mm, _PLANES.get(plane) or abort(400))


def _as_text(corrected: Corrected) -> str:
    spacing = corrected.spacing
    said = (
        corrected.laterality and f"laterality {corrected.laterality}",
        corrected.column_zero_side and f"left edge {corrected.column_zero_side}",
        spacing and f"{spacing.column_mm:g} mm, {spacing.source}",
    )
    return "; ".join(part for part in said if part) or "as the header says"
