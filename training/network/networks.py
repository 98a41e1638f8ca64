"""The networks by name, as plain Keras models: pixels in [-1, 1] (size, size, 3) in, five logits out.

`mobilenetv2` ends in layers named 'gap', 'hidden' and 'grade'; the input of 'gap' is the last feature map, which is the
second output of an exported member and from which the heatmap is made. `cnn` is the plain baseline of early projects.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from koa_worker.errors import SetupError
from koa_worker.values import GRADES

SIZE = 224
HIDDEN = 128
# Keras' MobileNetV2 averages its statistics over 1000 batches, which is five epochs of a study of this size: they lag
# behind the weights. 100 batches follow them.
MOMENTUM = 0.99


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """The input of a network, the part that its first layer sees, and the memory layout of its arrays."""

    size: int | None
    seen: int | None
    window: tuple[int, int] | None = None  # rows and columns in the middle of what is `seen`; None: all of it
    fast: bool = False

    @property
    def channels_first(self) -> bool:
        """Whether channels come first in memory, the fastest layout for PyTorch's kernels."""
        return self.fast and keras.backend.backend() == "torch"


@keras.saving.register_keras_serializable("koa")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalization in one pass on the PyTorch backend, where Keras needs six; on other backends Keras' own.

    Measured on one thread, whole MobileNetV2 at 224: 13.5 images/s with it in the channels-first layout; without it
    Keras reached 6 to 11 on two.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: FBT001 - Keras' signature
        if keras.backend.backend() != "torch" or self.axis not in (1, [1]):
            return super().call(inputs, training=training, mask=mask)
        import torch  # noqa: PLC0415 - only where it is the backend

        return torch.nn.functional.batch_norm(
            inputs,
            self.moving_mean.value,
            self.moving_variance.value,
            self.gamma.value,
            self.beta.value,
            training=bool(training and self.trainable),
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> Any:
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)


def build(
    name: str,
    *,
    dropout: float = 0.3,
    weights: Path | None = None,
    size: int | None = SIZE,
    seen: int | None = None,
    window: tuple[int, int] | None = None,
    fast: bool = False,
) -> keras.Model:
    """A fresh network. `size` None takes squares of any size; `fast` is the layout that trains fastest on this backend.

    `seen` is the size to which the network itself enlarges its input, and `window` the rows and columns in the middle
    of that which it uses: those that it was trained on. The order and the shapes of the weights do not depend on these,
    so that `set_weights` can move them between networks.
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name](NetworkShape(size, seen or size, window, fast=fast), dropout, weights)


def load(path: Path) -> keras.Model:
    """A network that `fit` has saved."""
    return keras.models.load_model(path, compile=False)


def load_own(path: Path) -> keras.Model:
    """A network that `fit` has saved, and no other: the output of a softmax would be taken for logits."""
    if not path.exists():
        raise FileNotFoundError(f"there is no net {path}")
    if not zipfile.is_zipfile(path):  # what Keras 3 saves; older formats, releases and folders are not
        raise SetupError("not_a_release", f"{path} is not a model that koa-train fit saved")
    try:
        model = load(path)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as fault:  # Keras has no error of its own for it
        raise SetupError("not_a_release", f"{path} cannot be read as a model that koa-train fit saved") from fault
    if not _ends_as_ours(model):
        raise SetupError("not_a_release", f"{path} is not a model that koa-train fit made")
    return model


def _ends_as_ours(model: keras.Model) -> bool:
    last = model.layers[-1] if model.layers else None
    if not isinstance(last, keras.layers.Dense):
        return False
    return bool(last.name == "grade" and last.units == len(GRADES) and last.activation is keras.activations.linear)


def sees(model: keras.Model) -> tuple[float, float, float, float]:
    """The part of the crop that a network uses: top, left, bottom and right as shares of its side."""
    names = {layer.name: layer for layer in model.layers}
    if "window" not in names:
        return 0.0, 0.0, 1.0, 1.0
    side = names["enlarge"].height if "enlarge" in names else model.input_shape[1]
    height, width = (extent / side / 2 for extent in (names["window"].height, names["window"].width))
    return 0.5 - height, 0.5 - width, 0.5 + height, 0.5 + width


def freeze(model: keras.Model, below: str) -> None:
    """Trains only the layers after layer `below` of the backbone; '' trains all layers, 'gap' only the head."""
    backbone = backbone_of(model)
    if backbone is None:
        return
    names = [layer.name for layer in backbone.layers]
    matches = [i for i, name in enumerate(names) if name.startswith(below)] if below else [0]
    if below != "gap" and not matches:
        raise ValueError(f"no layer of the backbone is named {below!r}")
    start = len(names) if below == "gap" else matches[0]
    for i, layer in enumerate(backbone.layers):
        layer.trainable = i >= start


def _mobilenetv2(shape: NetworkShape, dropout: float, weights: Path | None) -> keras.Model:
    maps = inputs = keras.Input((shape.size, shape.size, 3), name="pixels")
    if shape.seen != shape.size:
        maps = keras.layers.Resizing(shape.seen, shape.seen, interpolation="bilinear", name="enlarge")(maps)
    if shape.window is not None:
        maps = keras.layers.CenterCrop(*shape.window, name="window")(maps)
    if shape.channels_first:
        maps = keras.layers.Permute((3, 1, 2))(maps)
    maps = _mobilenet_backbone(weights, shape)(maps)
    if shape.channels_first:
        maps = keras.layers.Permute((2, 3, 1))(maps)
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(maps)
    hidden = keras.layers.Dense(HIDDEN, activation="relu", name="hidden")(pooled)
    logits = keras.layers.Dense(len(GRADES), name="grade")(keras.layers.Dropout(dropout, name="dropout")(hidden))
    return keras.Model(inputs, logits, name="mobilenetv2")


def _mobilenet_backbone(weights: Path | None, shape: NetworkShape) -> keras.Model:
    (height, width), first = shape.window or (shape.seen, shape.seen), shape.channels_first
    original = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(height, width, 3))
    if weights is not None:
        _fill(original, weights)
    backbone = keras.models.clone_model(
        original,
        input_tensors=keras.Input((3, height, width) if first else (height, width, 3)),
        clone_function=_cloner(channels_first=first),
    )
    backbone.set_weights(original.get_weights())
    backbone.name = "backbone"
    return backbone


def _fill(original: keras.Model, weights: Path) -> None:
    try:
        original.load_weights(weights)
    except Exception as fault:  # the content of a file can make Keras raise anything
        raise ValueError(f"{weights} does not hold the weights of MobileNetV2 of width 1 without its top") from fault


def _cloner(*, channels_first: bool) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "data_format" in config and channels_first:
            config["data_format"] = "channels_first"
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = MOMENTUM
            if channels_first:
                config["axis"] = 1
                return FusedBatchNormalization.from_config(config)
        return layer.__class__.from_config(config)

    return clone


def _cnn(shape: NetworkShape, dropout: float, weights: Path | None) -> keras.Model:
    if weights is not None:
        raise ValueError("the plain cnn starts from scratch; there are no start weights for it")
    if shape.size is None or shape.seen != shape.size or shape.window is not None:
        raise ValueError("the plain cnn flattens its last map and needs a fixed size")
    maps = inputs = keras.Input((shape.size, shape.size, 3), name="pixels")
    for filters in (32, 64, 128):
        maps = keras.layers.Conv2D(filters, 3, activation="relu")(maps)
        maps = keras.layers.MaxPooling2D()(maps)
    hidden = keras.layers.Dense(HIDDEN, activation="relu", name="hidden")(keras.layers.Flatten(name="flat")(maps))
    logits = keras.layers.Dense(len(GRADES), name="grade")(keras.layers.Dropout(dropout, name="dropout")(hidden))
    return keras.Model(inputs, logits, name="cnn")


def backbone_of(model: keras.Model) -> keras.Model | None:
    """The convolutions of a `mobilenetv2`; another network has none."""
    return next((layer for layer in model.layers if layer.name == "backbone"), None)


NETWORKS: dict[str, Callable[[NetworkShape, float, Path | None], keras.Model]] = {
    "mobilenetv2": _mobilenetv2,
    "cnn": _cnn,
}
