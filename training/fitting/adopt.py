"""Converts a member of a release back to a Keras network, so that it can be trained further on other knees.

LiteRT folds each batch normalization into the convolution before it, so that the statistics for training are lost. They
are measured again: mean and variance of each convolution's output on some of the training images. Scale and offset are
set so that the output is the same. The network answers like the member, and can be trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ..network import networks
from .batches import scale

MEASURED = 256  # images
AT_ONCE = 8  # all maps of the network are kept in memory for this number of images

Pictures = NDArray[np.uint8]
Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


def adopt(member: Path, pictures: Pictures, *, seen: int, window: tuple[int, int] | None) -> keras.Model:
    """A `mobilenetv2` that answers like the member, with statistics from these images."""
    from ..network.litert import weights  # noqa: PLC0415 - needs TensorFlow, whatever the backend

    net = networks.build("mobilenetv2", seen=seen, window=window)
    pairs = _pairs(net)
    dense = [net.get_layer(name) for name in ("hidden", "grade")]
    found = weights(member.read_bytes())
    if len(found) != len(pairs) + len(dense):
        raise ValueError(
            f"{member} has {len(found)} layers with weights, not the {len(pairs) + len(dense)} of this net"
        )
    for (convolution, norm), (kernel, bias) in zip(pairs, found, strict=False):
        _fill(convolution, _kernel(convolution, kernel), member)
        channels = len(bias)
        norm.set_weights([np.full(channels, np.sqrt(1 + norm.epsilon)), bias, np.zeros(channels), np.ones(channels)])
    for layer, (kernel, bias) in zip(dense, found[len(pairs) :], strict=True):
        _fill(layer, kernel.T, member, bias)
    _measure(net, pairs, pictures[:: max(1, len(pictures) // MEASURED)][:MEASURED])
    return net


def _pairs(net: keras.Model) -> list[tuple[Any, Any]]:
    """Each convolution with its batch normalization, in the order of the data."""
    layers = net.get_layer("backbone").layers
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return [(one, other) for one, other in pairwise(layers) if isinstance(one, convolutions)]


def _kernel(layer: Any, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Converts LiteRT's order of axes to that of Keras."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return np.moveaxis(kernel, 0, -1)
    return kernel.transpose(1, 2, 3, 0)


def _fill(layer: Any, kernel: NDArray[np.float32], member: Path, *others: NDArray[np.float32]) -> None:
    if kernel.shape != tuple(layer.kernel.shape):
        raise ValueError(f"{member}: layer {layer.name} has {kernel.shape} weights, not {tuple(layer.kernel.shape)}")
    layer.set_weights([kernel, *others])


def _measure(net: keras.Model, pairs: Sequence[tuple[Any, Any]], pictures: Pictures) -> None:
    """Means and variances of each convolution's output; scale and offset that keep the network's answers."""
    backbone = net.get_layer("backbone")
    probe = keras.Model(backbone.input, [convolution.output for convolution, _ in pairs])
    before = net.layers[1 : net.layers.index(backbone)]
    sums = [np.zeros((2, 1)) for _ in pairs]
    for i in range(0, len(pictures), AT_ONCE):
        shown: Any = scale(pictures[i : i + AT_ONCE])
        for layer in before:
            shown = layer(shown)
        for place, values in enumerate(probe(shown, training=False)):
            flat = keras.ops.convert_to_numpy(values).reshape(-1, values.shape[-1]).astype(np.float64)
            share = len(shown) / len(pictures)
            sums[place] = sums[place] + share * np.stack([flat.mean(axis=0), np.square(flat).mean(axis=0)])
    for (_, norm), (mean, square) in zip(pairs, sums, strict=True):
        _, offset, _, _ = norm.get_weights()
        variance = np.maximum(square - np.square(mean), 0)
        norm.set_weights([np.sqrt(variance + norm.epsilon), offset + mean, mean, variance])
