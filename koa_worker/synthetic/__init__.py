"""Synthetic knee radiographs with a known truth, for the demo and the tests. They show no real patient."""

from koa_worker.synthetic.draw import crop, draw
from koa_worker.synthetic.implant import ImplantKind, with_implant
from koa_worker.synthetic.spec import Collimation, KneeSpec, PlateSpec, crop_spec, random_knee, random_spec
from koa_worker.synthetic.truth import KneeTruth, Plate, TrueJointSpace

__all__ = [
    "Collimation",
    "ImplantKind",
    "KneeSpec",
    "KneeTruth",
    "Plate",
    "PlateSpec",
    "TrueJointSpace",
    "crop",
    "crop_spec",
    "draw",
    "random_knee",
    "random_spec",
    "with_implant",
]
