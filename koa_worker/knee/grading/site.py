"""A site's own scale: how a hospital's readers use the grades, as five numbers applied to the answers of one release.

logit P(KL ≥ k) on the site's scale is slope · logit P(KL ≥ k) of the release + shift k. The shifts never rise with k,
so that P(KL ≥ k) falls with k for every knee; for each k the order of knees by P(KL ≥ k) stays as it was.
`koa-worker calibrate` writes the file; it names the release by its digest, and carries a digest of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from koa_worker.errors import SetupError

Floats = NDArray[np.float64]

KIND = "koa-worker site scale"
LEAST_SLOPE = 0.05
_LEAST_SHARE = 1e-6  # of P(KL ≥ k): a release that is certain must not make an infinite log-odds


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ReleaseNamed(_Part):
    """The release whose answers the scale was fitted to."""

    name: str
    digest: str


class SiteFile(_Part):
    """The content of site.json; `figures`, `fitted` and `seen` describe the fit, for a person and later comparisons."""

    kind: Literal["koa-worker site scale"]
    format: Literal[1]
    release: ReleaseNamed
    slope: Annotated[float, Field(ge=LEAST_SLOPE)]
    shifts: tuple[float, float, float, float]  # of P(KL ≥ 1) … P(KL ≥ 4)
    fitted: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    seen: dict[str, Any] = {}

    @model_validator(mode="after")
    def _keeps_the_order(self) -> Self:
        if list(self.shifts) != sorted(self.shifts, reverse=True):
            raise ValueError("the shifts must not rise")
        return self


@dataclass(frozen=True, slots=True)
class SiteScale:
    """The five numbers, and the digest of the file that they come from."""

    slope: float
    shifts: tuple[float, float, float, float]
    digest: str = ""  # SHA-256 of the file's content

    @classmethod
    def load(cls, path: Path, release_digest: str) -> SiteScale:
        """Reads the file; a file that was edited, or that belongs to another release, is refused."""
        said = _read(path)
        digest = said.pop("digest", None)
        if digest != digest_of(said):
            raise SetupError("site_altered", "its digest does not match its content")
        try:
            known = SiteFile.model_validate(said)
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            raise SetupError("site_altered", f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from fault
        if known.release.digest != release_digest:
            raise SetupError("site_other_release", f"it is for {known.release.name}, {known.release.digest[:12]}")
        return cls(known.slope, known.shifts, digest)

    def apply(self, probabilities: Floats) -> Floats:
        """The release's probabilities (…, 5) on the site's scale."""
        return from_log_odds(self.slope * log_odds(probabilities) + np.asarray(self.shifts))


def fitted_to(path: Path) -> list[int]:
    """The number of knees of each grade that the scale was fitted to; empty if the file does not give it."""
    counts = _read(path).get("seen", {}).get("site", [])
    return [int(count) for count in counts]


def log_odds(probabilities: Floats) -> Floats:
    """logit P(KL ≥ k) for k from 1 to 4: (…, 5) → (…, 4)."""
    tails = np.cumsum(np.asarray(probabilities, np.float64)[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    tails = np.clip(tails, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(np.log(tails) - np.log1p(-tails))


def from_log_odds(odds: Floats) -> Floats:
    """The probabilities of the grades from logit P(KL ≥ k): (…, 4) → (…, 5)."""
    tails = 1 / (1 + np.exp(-odds))
    ends = (*odds.shape[:-1], 1)
    steps = np.concatenate([np.ones(ends), tails, np.zeros(ends)], axis=-1)
    probabilities: Floats = np.maximum(steps[..., :-1] - steps[..., 1:], 0.0)  # rounding may leave less than 0
    return probabilities


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON: sorted names, no spaces, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def to_text(file: SiteFile) -> str:
    """The file with its digest, for a person to read."""
    content: dict[str, Any] = json.loads(file.model_dump_json())
    return json.dumps({**content, "digest": digest_of(content)}, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise SetupError("site_missing", f"{path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise SetupError("site_altered", "it is not JSON") from fault
    if not isinstance(said, dict) or said.get("kind") != KIND:
        raise SetupError("site_altered", "it is not a file that koa-worker calibrate wrote")
    return said
