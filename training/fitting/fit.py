"""Fits a network: the head first, then the backbone with it, averaging the weights and keeping the best epoch.

A run folder has `run.json` (settings and data), `split.csv`, `epochs.csv`, `curves.png`, `state.npz` (to resume it),
`averaged.keras` (the latest averaged weights) and `best.keras` (those of the best epoch on validation).
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from ..data.crops import levelled, unequalized
from ..data.layouts import Dataset, pictures
from ..network import networks
from . import checkpoint, curves, runfile, teacher
from .allocator import give_back
from .augment import LEVELS
from .batches import Batches, Floats, predict, soft_labels
from .checkpoint import Average
from .initial_weights import begin
from .settings import Epoch, Settings
from .ticker import Ticker

MOST_TURNED = 3.0  # degrees by which augmentation turns a levelled crop: both forms of one differ by 1 (deviation)
AVERAGE_EVERY = 4  # steps; averaging 2.4 million weights costs a few milliseconds


class Fitting:
    """One run, from its data to its best network."""

    def __init__(self, settings: Settings, dataset: Dataset, folder: Path, console: Console) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.folder, self.console = settings, folder, console
        self._train, self._val = (dataset.of(name) for name in ("train", "val"))
        if not self._train.items or not self._val.items:
            raise ValueError("fitting needs pictures in both train and val")
        self._pictures = {name: pictures(dataset.of(name).items) for name in ("train", "val")}
        # The images to augment, and the flags of those that are still to be equalised.
        is_after = settings.equalize == "after"
        shown, raw = unequalized(self._train.items) if is_after else (self._pictures["train"], None)
        self._how = LEVELS[settings.augmentation]
        self._targets = self._learnt()  # a teacher has views of its own, and sees the crops as they are
        if settings.levelled:
            shown = levelled(shown)
            self._pictures = {name: levelled(those) for name, those in self._pictures.items()}
            self._how = replace(self._how, rotation=min(self._how.rotation, MOST_TURNED))
        self._augmented = shown, raw
        # A saved state replaces every weight: the initial weights need not be read or measured again.
        self._state = folder / "state.npz"
        self.model = begin(replace(settings, start="") if self._state.exists() else settings, self._pictures["train"])
        self._judged = networks.build(settings.network, seen=settings.seen, window=settings.window, fast=True)
        self._average = Average(self.model, settings.average)
        self._phase = ""
        self._rows: list[curves.EpochFigures] = []

    def run(self) -> curves.EpochFigures:
        """Runs every epoch of the plan that is not done yet; gives the best one."""
        done = self._take_up()
        plan = self.settings.plan[done:]
        with Ticker(sum(self._steps for _ in plan), self.console) as ticker:
            for epoch in plan:
                if self._is_stale():
                    self.console.print(f"no better epoch in the last {self.settings.patience}: stopped early")
                    break
                self._rows.append(self._one(epoch, ticker))
                self._keep()
                self.console.print(str(self._rows[-1]))
        return self.best

    @property
    def best(self) -> curves.EpochFigures:
        return max(self._rows, key=lambda row: row.score)

    @property
    def _steps(self) -> int:
        return max(1, len(self._train.items) // self.settings.batch)

    def _one(self, epoch: Epoch, ticker: Ticker) -> curves.EpochFigures:
        began = time.monotonic()
        # Not every backend saves dropout's state with the model; reset at each epoch, it need not be saved.
        keras.utils.set_random_seed(self.settings.seed * 1000 + epoch.number)
        self._enter(epoch.phase)
        history = self.model.fit(
            self._batches(epoch), epochs=1, shuffle=False, verbose=0, callbacks=[_Averaging(self._average), ticker]
        )
        self._judged.set_weights(self._average.values)
        give_back()
        probabilities = predict(self._judged, self._pictures["val"])
        give_back()
        return curves.EpochFigures(
            epoch=epoch.number,
            phase=epoch.phase,
            size=epoch.size,
            seconds=round(time.monotonic() - began, 1),
            loss=float(history.history["loss"][0]),
            **curves.measure(probabilities, self._val.grades),
        )

    def _learnt(self) -> Floats:
        """The target of each training image: its soft label, mixed with a teacher's answer."""
        settings = self.settings
        labels = soft_labels(self._train.grades, settings.sigma)
        if not settings.teacher:
            return labels
        said = teacher.answers(Path(settings.teacher), self._pictures["train"], self.folder, self.console)
        return (1 - settings.trust) * labels + settings.trust * said

    def _batches(self, epoch: Epoch) -> Batches:
        settings = self.settings
        shown, raw = self._augmented
        return Batches(
            shown,
            self._train.grades,
            self._targets,
            epoch=epoch.number,
            seed=settings.seed,
            size=epoch.size,
            window=settings.window,
            batch=settings.batch,
            how=self._how,
            balance=settings.balance,
            mix=settings.mix,
            mix_within=settings.mix_within,
            raw=raw,
        )

    def _enter(self, phase: str) -> None:
        """Compiles for the phase, unless the model is in it already."""
        if phase == self._phase:
            return
        settings = self.settings
        networks.freeze(self.model, "gap" if phase == "head" else settings.freeze)
        epochs = sum(epoch.phase == phase for epoch in settings.plan)
        rate = settings.head_rate if phase == "head" else settings.rate
        self.model.compile(
            _optimizer(rate, epochs * self._steps, settings), keras.losses.CategoricalCrossentropy(from_logits=True)
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._phase = phase

    def _take_up(self) -> int:
        """Restores the state of a killed run; gives the number of finished epochs."""
        saved = checkpoint.progress(self._state)
        if saved is None:
            return 0
        self._rows = [curves.EpochFigures(**row) for row in saved["rows"]]
        done = len(self._rows)
        self._enter(saved["phase"])
        checkpoint.restore(self._state, self.model, self._average)
        self.console.print(f"going on after {done} of {len(self.settings.plan)} epochs")
        return done

    def _keep(self) -> None:
        release = networks.build(self.settings.network, seen=self.settings.seen, window=self.settings.window)
        release.set_weights(self._average.values)
        if self.best is self._rows[-1]:
            _save(release, self.folder / "best.keras")
        _save(release, self.folder / "averaged.keras")
        curves.write(self._rows, self.folder)
        progress = {"phase": self._phase, "rows": [asdict(row) for row in self._rows]}
        checkpoint.save(self._state, self.model, self._average, progress)

    def _is_stale(self) -> bool:
        patience = self.settings.patience
        return bool(patience and self._rows and len(self._rows) - 1 - self._rows.index(self.best) >= patience)


class _Averaging(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, average: Average) -> None:
        super().__init__()
        self._average = average
        self._steps = 0  # since the average was updated

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        self._steps += 1
        if self._steps == AVERAGE_EVERY:
            self._follow()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Updates the average here too: an epoch of a small study has fewer steps than the interval."""
        if self._steps:
            self._follow()

    def _follow(self) -> None:
        self._average.update(self.model, self._steps)
        self._steps = 0


def fit(settings: Settings, dataset: Dataset, folder: Path, console: Console) -> curves.EpochFigures:
    """Runs the fit, from the start or from its saved state, in a folder that `runfile.open_run` has opened."""
    best = Fitting(settings, dataset, folder, console).run()
    runfile.close_run(folder, asdict(best))
    return best


def _optimizer(rate: float, steps: int, settings: Settings) -> keras.optimizers.Optimizer:
    warm = int(steps * settings.warm_up)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, steps - warm), alpha=0.2, warmup_target=rate, warmup_steps=warm
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    # Weight decay is only for kernels; for normalizations and offsets it would do harm.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _save(model: keras.Model, path: Path) -> None:
    part = path.with_name(f"part-{path.name}")
    model.save(part)
    part.replace(path)
