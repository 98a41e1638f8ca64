"""Turns one trained Keras network into a LiteRT member: logits and the last feature map, head weights beside it.

The head after the feature map is GAP → Dense(ReLU) → Dense. It is taken out of the network and also written as
plain arrays, so that the heatmap has a closed form; the converted member computes its logits from the same arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from io import BytesIO
from typing import Any

import keras
import numpy as np

from koa_worker.knee.grading.explain import Head

from ..data.crops import Singles


class Precision(StrEnum):
    """How the weights are stored; sizes and times are those of MobileNetV2 224 on one core."""

    FLOAT32 = "float32"  # 9.5 MB, 3.4 ms: exact
    FLOAT16 = "float16"  # 5.0 MB, 3.4 ms: large weights rounded to 11 bits, computed in float32
    INT8 = "int8"  # 2.8 MB, 1.7 ms: weights and activations in 8 bits, scaled on training crops


def as_npz(head: Head) -> bytes:
    """The head's file."""
    stream = BytesIO()
    np.savez_compressed(stream, w1=head.w1, b1=head.b1, w2=head.w2, b2=head.b2)
    return stream.getvalue()


def halved(head: Head) -> Head:
    """The head with its large matrix in float16, as in a float16 member, at half the size."""
    return replace(head, w1=head.w1.astype(np.float16))


def split(model: Any) -> tuple[Any, Head]:
    """The network up to its last feature map, and its head."""
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(pools) != 1 or len(dense) != 2 or dense[0].activation is not keras.activations.relu:
        raise ValueError(
            f"{model.name!r} does not end in GAP → Dense(ReLU) → Dense, so its heatmap has no closed form: only"
            " networks with that head can be exported"
        )
    weights = [keras.ops.convert_to_numpy(weight) for layer in dense for weight in (layer.kernel, layer.bias)]
    return keras.Model(model.inputs, pools[0].input), Head(*(weight.astype(np.float32) for weight in weights))


def convert(model: Any, precision: Precision, samples: Singles | None = None) -> tuple[bytes, Head]:
    """The member's file and its head. `samples` (n, 224, 224, 3) fit float16 and int8 to the data."""
    import tensorflow as tf  # noqa: PLC0415 - heavy, and only the conversion needs it

    if keras.backend.backend() != "tensorflow":
        raise ValueError("export needs KERAS_BACKEND=tensorflow; weights trained on another backend load there as well")
    samples = np.zeros((0, 0, 0, 0), np.float32) if samples is None else samples
    if precision is not Precision.FLOAT32 and not len(samples):
        raise ValueError(f"{precision} needs sample crops: it is fitted to what each layer sees of them")
    backbone, head = split(model)
    function, holder = _trace(tf, backbone, head)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], holder)
    if precision is Precision.FLOAT32:
        return bytes(converter.convert()), head
    if precision is Precision.FLOAT16:
        from .litert import halve  # noqa: PLC0415 - needs TensorFlow

        return halve(bytes(converter.convert()), samples), halved(head)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = _one_by_one(samples)
    return bytes(converter.convert()), head


def _trace(tf: Any, backbone: Any, head: Head) -> tuple[Any, Any]:
    """The concrete function of one image, and a module that owns its variables so that the converter freezes them."""
    w1, b1, w2, b2 = (tf.constant(getattr(head, name)) for name in ("w1", "b1", "w2", "b2"))
    height, width, channels = backbone.input_shape[1:]

    def run(image: Any) -> dict[str, Any]:
        features = backbone(image, training=False)
        hidden = tf.nn.relu(tf.matmul(tf.reduce_mean(features, [1, 2]), w1) + b1)
        return {"logits": tf.matmul(hidden, w2) + b2, "features": features}

    image = tf.TensorSpec([1, height, width, channels], tf.float32, name="image")
    holder = tf.Module()
    holder.variables_of_the_net = [variable.value for variable in backbone.variables]
    return tf.function(run, input_signature=[image], autograph=False).get_concrete_function(), holder


def _one_by_one(samples: Singles) -> Callable[[], Iterator[list[Singles]]]:
    def feed() -> Iterator[list[Singles]]:
        for sample in samples:
            yield [sample[None]]

    return feed
