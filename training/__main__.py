"""The command line: `koa-train fit | evaluate | compare | export …`, in the source tree also `python -m training`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import typer

from koa_worker.errors import KoaError

from .commands import card, compare, evaluate, export, gate, occlusion, robustness, say
from .fit_command import fit
from .fitting.allocator import keep_memory

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train, measure and release graders of knees.")


def _telling(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, but an error that a person can correct is one sentence and an exit code, not a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except KoaError as fault:
            say(str(fault))
            raise typer.Exit(fault.exit_code) from fault
        except (ValueError, OSError) as fault:
            say(str(fault))
            raise typer.Exit(2) from fault

    return run


for _command in (fit, evaluate, compare, robustness, occlusion, export, gate, card):
    app.command()(_telling(_command))


def main() -> None:
    """Restarts this program once with a setting that trains faster, then runs it."""
    keep_memory()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    app()


if __name__ == "__main__":
    main()
