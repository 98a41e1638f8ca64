"""What a fit begins from: nothing, ImageNet weights, a net of an earlier fit, or a member of a release."""

from __future__ import annotations

from pathlib import Path

import keras

from ..network import networks
from .adopt import Pictures, adopt
from .settings import Settings

KNOWN = (".h5", ".keras", ".tflite")


def check(start: str) -> None:
    """Refuse at once what a fit could not begin from."""
    if start and not Path(start).is_file():
        raise FileNotFoundError(f"there is no file {start} to start from")
    if start and Path(start).suffix not in KNOWN:
        raise ValueError(
            f"{start} is neither ImageNet weights (.h5), nor a net (.keras), nor a release's member (.tflite)"
        )


def begin(settings: Settings, pictures: Pictures) -> keras.Model:
    """The network before its first step; `pictures` are those that it will learn."""
    start = Path(settings.start) if settings.start else None
    model = networks.build(
        settings.network,
        dropout=settings.dropout,
        weights=start if start and start.suffix == ".h5" else None,
        size=networks.SIZE if settings.network == "cnn" else None,
        fast=True,
    )
    if start and start.suffix == ".keras":
        model.set_weights(networks.load(start).get_weights())
    if start and start.suffix == ".tflite":
        model.set_weights(adopt(start, pictures, seen=settings.seen, window=settings.window).get_weights())
    return model
