"""The settings of a run: every choice that changes its result, and the resulting plan of epochs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from koa_worker.values import GRADES

from ..network.networks import NETWORKS, SIZE
from .augment import LEVELS

EQUALIZE = ("before", "after")


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the data."""

    number: int
    phase: str  # "head": the new layers alone; "body": also the backbone, or its upper part
    size: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of `fit` that change its result."""

    network: str = "mobilenetv2"
    start: str = ""  # a file for `initial_weights.begin`; "": random weights
    seed: int = 0
    head_epochs: int = 1
    sizes: tuple[tuple[int, int], ...] = ((SIZE, 12),)  # (image size, epochs): small images first are cheaper
    seen: int = SIZE  # the network enlarges its crop to this size, at which the last epochs should train
    window: tuple[int, int] | None = None  # the rows and columns in the middle of that; None: all of it
    freeze: str = ""  # the backbone's layers before this one are not trained
    head_rate: float = 1e-3
    rate: float = 5e-4
    weight_decay: float = 0.02
    warm_up: float = 0.05  # share of the steps
    batch: int = 32
    dropout: float = 0.3
    sigma: float = 0.5  # of the soft labels, in grades
    teacher: str = ""  # a release folder, whose answers are learnt together with the labels
    trust: float = 0.5  # the teacher's share of the targets
    balance: float = 0.5  # 0: grades by their frequency; 1: each grade equally often
    levelled: bool = False  # each crop is first turned so that its plateau is level
    augmentation: str = "usual"
    equalize: str = "before"  # augmentation, or "after" it if the crop before equalisation is known
    mix: float = 0.0  # each knee mixed with another, by shares from Beta(mix, mix); 0: never
    mix_within: int = len(GRADES) - 1  # the largest difference of both grades
    average: float = 0.997
    patience: int = 0  # epochs without a better validation score before stopping; 0 never stops

    def __post_init__(self) -> None:
        for word, known in ((self.network, NETWORKS), (self.augmentation, LEVELS), (self.equalize, EQUALIZE)):
            if word not in known:
                raise ValueError(f"{word!r} is none of {', '.join(known)}")
        if self.network == "cnn" and {self.seen, *(size for size, _ in self.sizes)} != {SIZE}:
            raise ValueError(f"the plain cnn has a fixed size of {SIZE}")
        if self.window is not None and (
            {size for size, _ in self.sizes} != {self.seen} or max(self.window) > self.seen
        ):
            raise ValueError(
                "a window is cut out of what is seen: it must fit into it, and every size must be that one"
            )

    @property
    def plan(self) -> tuple[Epoch, ...]:
        body = [size for size, epochs in self.sizes for _ in range(epochs)]
        phases = [("head", body[0])] * self.head_epochs + [("body", size) for size in body]
        return tuple(Epoch(number, phase, size) for number, (phase, size) in enumerate(phases))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {
            "sizes": [list(pair) for pair in self.sizes],
            "window": None if self.window is None else list(self.window),
        }


def parse_sizes(text: str) -> tuple[tuple[int, int], ...]:
    """`160x8,224x4`: eight epochs of 160×160, then four of 224×224."""
    pairs = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)x(\d+)\s*", part)
        if match is None or int(match[1]) % 32 or not int(match[1]) or not int(match[2]):
            raise ValueError(f"{part!r} is not SIZExEPOCHS with a size that 32 divides, such as 160x8 or 224x4")
        pairs.append((int(match[1]), int(match[2])))
    return tuple(pairs)


def parse_window(text: str) -> tuple[int, int] | None:
    """`192x384`: these rows and columns; empty: no window."""
    if not text:
        return None
    match = re.fullmatch(r"\s*(\d+)x(\d+)\s*", text)
    if match is None or any(not int(extent) or int(extent) % 32 for extent in match.groups()):
        raise ValueError(f"{text!r} is not ROWSxCOLUMNS, both of which 32 divides, such as 192x384")
    return int(match[1]), int(match[2])
