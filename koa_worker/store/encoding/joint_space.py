"""The joint space of a knee as JSON in the row of its grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koa_worker.values import WIDTHS, Compartment, CompartmentName, JointSpace, SpacingSource


def to_json(space: JointSpace | None) -> dict[str, Any] | None:
    if space is None:
        return None
    return {
        "calibration": str(space.calibration),
        "tibial_width_px": float(space.tibial_width_px),
        "compartments": [
            {
                "name": str(part.name),
                "clear": bool(part.clear),
                **{name: None if (width := getattr(part, name)) is None else float(width) for name in WIDTHS},
                "femoral": [list(point) for point in part.femoral],
                "tibial": [list(point) for point in part.tibial],
            }
            for part in space.compartments
        ],
    }


def from_json(kept: Mapping[str, Any] | None) -> JointSpace | None:
    if kept is None:
        return None
    left, right = (_compartment(part) for part in kept["compartments"])
    return JointSpace((left, right), SpacingSource(kept["calibration"]), kept["tibial_width_px"])


def _compartment(part: Mapping[str, Any]) -> Compartment:
    femoral, tibial = (tuple((x, y) for x, y in part[name]) for name in ("femoral", "tibial"))
    widths = {name: part[name] for name in WIDTHS}
    return Compartment(
        name=CompartmentName(part["name"]), clear=part["clear"], **widths, femoral=femoral, tibial=tibial
    )
