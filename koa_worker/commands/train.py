"""`koa-train`: the training commands for who installed the program, the same as `python -m training` in the tree.

The wheel holds them as `koa_worker._training`, so that no package by the common name `training` gets among those of
others; in the source tree they lie in `training`, beside this package.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import koa_worker
from koa_worker.errors import SetupError

EXTRA = frozenset({"h5py", "keras", "matplotlib", "sklearn", "tensorflow"})  # what the extra `train` brings


def main() -> None:
    """Hands over to the training commands; what is not installed is one sentence on stderr."""
    try:
        _commands()()
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name not in EXTRA:
            raise
        _refuse(SetupError("training_missing", name))
    except SetupError as fault:
        _refuse(fault)


def _commands() -> Callable[[], None]:
    # By name and at run time: the worker needs nothing of training, and no other module of it may import it.
    module = importlib.import_module(f"{_package(Path(koa_worker.__file__).parent)}.__main__")
    return cast("Callable[[], None]", module.main)


def _package(worker: Path) -> str:
    """The name of the package with the commands: as installed, else of the source tree that the worker lies in."""
    if (worker / "_training").is_dir():
        return "koa_worker._training"
    # Only the one beside this package: another project's `training` may be on the path too.
    spec = importlib.util.find_spec("training")
    if spec is None or spec.origin is None or Path(spec.origin).parent != worker.parent / "training":
        raise SetupError("training_missing", "the commands themselves")
    return "training"


def _refuse(fault: SetupError) -> None:
    sys.stderr.write(f"koa-train: {fault}\n")
    sys.exit(fault.exit_code)
