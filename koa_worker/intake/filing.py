"""Files the original, unchanged, by date; a rejected one gets a text file with the reason beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePath

from koa_worker.errors import explain
from koa_worker.system.durable import sync_folder, whole_file
from koa_worker.values import Arrival

# Only extensions that name a file type; anything else might be part of a patient's name.
_ENDINGS = frozenset({".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})


def filed_path(arrival: Arrival, folder: Path, at: datetime) -> Path:
    """The final path of the original: by day, named by its id, because its own name may contain a patient's."""
    ending = PurePath(arrival.name).suffix.lower()
    return folder / at.astimezone().strftime("%Y-%m-%d") / f"{arrival.id}{ending if ending in _ENDINGS else ''}"


def file_away(claimed: Path, target: Path, *, code: str | None = None, detail: str = "") -> None:
    """Moves the original to `target`. A second call changes nothing."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if code is not None:
        _write_reason(target.with_name(f"{target.name}.reason.txt"), code, detail)
    if claimed.exists():
        claimed.rename(target)
    elif not target.exists():
        raise FileNotFoundError(target)
    sync_folder(target.parent)


def _write_reason(path: Path, code: str, detail: str) -> None:
    with whole_file(path, path.with_suffix(".tmp")) as stream:
        stream.write(f"{code}\n{explain(code, detail)}\n".encode())
