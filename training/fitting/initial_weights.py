"""The initial weights of a fit: random, ImageNet weights, a network that Keras saved, or a member of a release.

A network of another project is not a release, since its output and its preparation of images are unknown. But if it is
a MobileNetV2, a fit can start from its backbone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
from numpy.typing import NDArray

from ..network import networks
from .adopt import Pictures, adopt
from .settings import Settings

KNOWN = (".h5", ".keras", ".tflite")
BACKBONE_ONLY = "{start} was not made by this fit's network: its MobileNetV2 is taken over, the head begins untrained"

_LITERT = b"TFL3"  # the identifier that a LiteRT file has after its first four bytes

Weights = Sequence[NDArray[Any]]


def check(start: str, network: str = "mobilenetv2") -> str:
    """Refuses a file from which a fit cannot start; otherwise gives a notice for the user, or nothing."""
    if not start:
        return ""
    path = Path(start)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {start} to start from")
    if path.suffix not in KNOWN:
        raise ValueError(
            f"{start} is neither ImageNet weights (.h5), nor a net (.keras), nor a release's member (.tflite)"
        )
    if path.suffix == ".tflite":
        if path.read_bytes()[4:8] != _LITERT:
            raise ValueError(f"{path} is no LiteRT file, whatever its name says")
        return ""
    if not _is_whole_net(path):
        networks.build(network, weights=path)  # raises if the file has no such weights
        return ""
    found = _weights(path)
    is_all_taken = _take_over(networks.build(network), found, path)
    return "" if is_all_taken else BACKBONE_ONLY.format(start=start)


def begin(settings: Settings, pictures: Pictures) -> keras.Model:
    """The network before its first step; `pictures` are the training images."""
    start = Path(settings.start) if settings.start else None
    is_whole = start is not None and _is_whole_net(start)
    model = networks.build(
        settings.network,
        dropout=settings.dropout,
        weights=start if start and start.suffix == ".h5" and not is_whole else None,
        size=networks.SIZE if settings.network == "cnn" else None,
        fast=True,
    )
    if start and is_whole:
        _take_over(model, _weights(start), start)
    if start and start.suffix == ".tflite":
        model.set_weights(adopt(start, pictures, seen=settings.seen, window=settings.window).get_weights())
    return model


def _is_whole_net(path: Path) -> bool:
    """Whether the file has a network with its layers; ImageNet's .h5 has only weights."""
    if path.suffix != ".h5":
        return path.suffix == ".keras"
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is no HDF5 file, whatever its name says")
    with h5py.File(path) as file:
        return "model_config" in file.attrs


def _take_over(model: keras.Model, found: Weights, path: Path) -> bool:
    """Takes over all weights of a network of the same shape, else those of its backbone; gives whether it took all."""
    if _shapes(found) == _shapes(model.get_weights()):
        model.set_weights(found)
        return True
    backbone = networks.backbone_of(model)
    block = _block(found, backbone.get_weights()) if backbone is not None else None
    if backbone is None or block is None:
        what = "the 224×224×3 MobileNetV2 of width 1" if backbone is not None else f"the layers of network {model.name}"
        raise ValueError(f"{path} cannot be started from: it does not hold {what}")
    backbone.set_weights(block)
    return False


def _weights(path: Path) -> Weights:
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a net as Keras 3 saves it, or only a part of one")
    try:
        found: Weights = networks.load(path).get_weights()
    except Exception as fault:  # the content of a file can make Keras raise anything
        raise ValueError(
            f"Keras cannot read the net in {path} ({type(fault).__name__}); a net with layers of its own making, or of"
            " another Keras, can be saved again as weights of a plain MobileNetV2"
        ) from fault
    return found


def _shapes(weights: Weights) -> list[tuple[int, ...]]:
    return [one.shape for one in weights]


def _block(found: Weights, wanted: Weights) -> Weights | None:
    """The part of the found weights that has the wanted shapes, if there is one."""
    shapes, asked = _shapes(found), _shapes(wanted)
    starts = range(len(shapes) - len(asked) + 1)
    return next((found[at : at + len(asked)] for at in starts if shapes[at : at + len(asked)] == asked), None)
