"""The release of a model: finds it, reads its manifest, and checks that each file matches the manifest.

A release is a folder `<name>-v<N>` with manifest.json and its members. Each member is a LiteRT model and an npz with
the weights of its head, from which the heatmap is computed. No file is used before its SHA-256 is checked, and the
bytes are read once, so that the checked bytes are the ones that run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import koa_worker
from koa_worker.errors import SetupError
from koa_worker.knee.grading.views import PATTERN, Part

MANIFEST = "manifest.json"
MODELS_VARIABLE = "KOA_WORKER_MODELS"  # a folder of releases that has priority over the installed ones

_FOLDER_NAME = re.compile(r"(?P<name>.+)-v(?P<version>\d+)")

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]  # beside the manifest, nowhere else
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ViewName = Annotated[str, Field(pattern=PATTERN)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Part):
    """One LiteRT model and the weights of its head."""

    file: FileName
    sha256: Sha256
    head: FileName
    head_sha256: Sha256
    sees: tuple[Share, Share, Share, Share] = (0.0, 0.0, 1.0, 1.0)  # of the crop: top, left, bottom, right

    @model_validator(mode="after")
    def _sees_something(self) -> Self:
        if not (self.part.top < self.part.bottom and self.part.left < self.part.right):
            raise ValueError("sees is top, left, bottom and right of a part that is not empty")
        return self

    @property
    def part(self) -> Part:
        return Part(*self.sees)


class GateFile(_Part):
    """The file of the layer that recognises images that are not knees.

    It judges by the views of the grade. A knee that is unfamiliar in them it judges by its own `views`, if it has any.
    """

    file: FileName
    sha256: Sha256
    views: tuple[ViewName, ...] = ()


class Input(_Part):
    """The input of the model; this program prepares images only in this way."""

    size: Literal[224]
    scale: Literal["-1..1"]
    equalized: Literal[True]


class Review(_Part):
    """The limits for a review: confidence, agreement, and how near P(KL ≥ 2) is to 0.5."""

    confidence: Share
    agreement: Share
    borderline: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1


class Manifest(_Part):
    """The content of manifest.json."""

    name: str
    version: int = Field(ge=0)
    members: tuple[Member, ...] = Field(min_length=1)
    input: Input
    views: tuple[ViewName, ...] = Field(min_length=1)
    temperature: float = Field(gt=0.0)
    review: Review
    gate: GateFile | None = None  # releases before version 1 may have none
    metrics: dict[str, Any] = {}
    trained: dict[str, Any] = {}

    @property
    def label(self) -> str:
        return f"{self.name}-v{self.version}"

    @property
    def gate_views(self) -> tuple[str, ...]:
        return self.gate.views if self.gate and self.gate.views else self.views


@dataclass(frozen=True, slots=True)
class Release:
    """A folder with its manifest, and the SHA-256 of the manifest, which identifies the whole release."""

    folder: Path
    manifest: Manifest
    digest: str

    @classmethod
    def open(cls, folder: Path) -> Release:
        content = _read(folder, MANIFEST)
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError as fault:
            if _is_of_something_else(content):
                raise SetupError("not_a_release", f"{folder}: its {MANIFEST} names no members") from fault
            first = fault.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise SetupError("model_altered", f"{MANIFEST}: {where}: {first['msg']}") from fault
        return cls(folder, manifest, hashlib.sha256(content).hexdigest())

    def review(self, confidence: float) -> Review:
        """The limits for a review; a confidence above 0 replaces the release's own."""
        own = self.manifest.review
        return own.model_copy(update={"confidence": confidence}) if confidence > 0 else own

    def read(self, name: str, sha256: str) -> bytes:
        """The bytes of a file, after their hash was checked."""
        content = _read(self.folder, name)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise SetupError("model_altered", f"{name} has SHA-256 {found[:12]}…, the manifest says {sha256[:12]}…")
        return content

    def contents(self) -> dict[str, bytes]:
        """All files of the release by name, with checked hashes, to send them to another machine."""
        named = [(member.file, member.sha256) for member in self.manifest.members]
        named += [(member.head, member.head_sha256) for member in self.manifest.members]
        if (gate := self.manifest.gate) is not None:
            named.append((gate.file, gate.sha256))
        return {MANIFEST: _read(self.folder, MANIFEST), **{name: self.read(name, sha256) for name, sha256 in named}}


def model_folder(path: str = "") -> Path:
    """The folder of the configured release; without one, the newest installed release."""
    return Path(path) if path else default_model_folder()


def default_model_folder() -> Path:
    """The newest release, from the folder in the environment variable, else the installed one, else the source tree."""
    package = Path(koa_worker.__file__).parent
    named = os.environ.get(MODELS_VARIABLE)
    places = [Path(named)] if named else [package / "_models", package.parent / "models"]
    for place in places:
        releases = [folder for folder in place.glob("*-v*") if (folder / MANIFEST).is_file()]
        if releases:
            return max(releases, key=_age)
    raise SetupError("model_missing", f"no release in {' or '.join(map(str, places))}")


def _age(folder: Path) -> tuple[int, str]:
    match = _FOLDER_NAME.fullmatch(folder.name)
    return (int(match["version"]), match["name"]) if match else (-1, folder.name)


def _is_of_something_else(manifest: bytes) -> bool:
    """Whether the manifest is valid JSON but not a release's: other programs use this file name too."""
    try:
        content = json.loads(manifest)
    except ValueError:
        return False
    return not isinstance(content, dict) or "members" not in content


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except NotADirectoryError as fault:
        raise SetupError("not_a_release", f"{folder} is a file") from fault
    except FileNotFoundError as fault:
        if name == MANIFEST and folder.is_dir():
            raise SetupError("not_a_release", f"{folder} holds no {MANIFEST}") from fault
        raise SetupError("model_missing", str(folder / name)) from fault
    except OSError as fault:
        raise SetupError("model_missing", f"{folder / name}: {fault.strerror}") from fault
