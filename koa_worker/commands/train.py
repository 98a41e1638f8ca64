"""`koa-train`: the training commands of the installed program, the same as `python -m training` in the source tree.

The wheel holds them as `koa_worker._training`, so that it installs no package with the common name `training`; in the
source tree they are in `training`, beside this package.
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

EXTRA = frozenset({"h5py", "keras", "matplotlib", "sklearn", "tensorflow"})  # packages of the extra `train`


def main() -> None:
    """Runs the training commands; a missing package becomes one sentence on stderr."""
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
    # Imported by name at run time: no other module of the worker may import training.
    module = importlib.import_module(f"{_package(Path(koa_worker.__file__).parent)}.__main__")
    return cast("Callable[[], None]", module.main)


def _package(worker: Path) -> str:
    """The name of the package with the commands: the installed one, else the one in the worker's source tree."""
    if (worker / "_training").is_dir():
        return "koa_worker._training"
    # Only the package beside this one: another project's `training` may be on the path too.
    spec = importlib.util.find_spec("training")
    if spec is None or spec.origin is None or Path(spec.origin).parent != worker.parent / "training":
        raise SetupError("training_missing", "the commands themselves")
    return "training"


def _refuse(fault: SetupError) -> None:
    sys.stderr.write(f"koa-train: {fault}\n")
    sys.exit(fault.exit_code)
