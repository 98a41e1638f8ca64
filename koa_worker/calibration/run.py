"""From collected grades to site.json and its page; nothing is written if the release is as good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from koa_worker import __version__
from koa_worker.calibration import scale_page
from koa_worker.calibration.collect import Collected
from koa_worker.calibration.fit import ReadKnees
from koa_worker.calibration.judge import LEAST_KNEES, Judgement, judge
from koa_worker.errors import SetupError
from koa_worker.knee.grading.site import KIND, ReleaseNamed, SiteFile, digest_of, to_text
from koa_worker.system.durable import whole_file
from koa_worker.values import GRADES, GradedBy


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The result of a calibration: the judgement, and the files that were written."""

    judgement: Judgement
    written: tuple[Path, ...]


def calibrate(collected: Collected, by: GradedBy, out: Path, source: str) -> Calibrated:
    """Fits and judges; writes the scale, its page and the page's picture if the scale is better than the release."""
    knees = collected.as_arrays()
    if len(knees) < LEAST_KNEES:
        raise SetupError("too_few_grades", f"{len(knees)} of {LEAST_KNEES}")
    if len(np.unique(knees.kl)) < 2:
        raise SetupError("grades_unusable", f"every knee has KL {knees.kl[0]}")
    if len(np.unique(knees.subjects)) < 2:
        raise SetupError("grades_unusable", "all knees are of one subject")
    judgement = judge(knees)
    if not judgement.gain.is_one:
        return Calibrated(judgement, ())
    file = to_file(knees, judgement, by, _fitted(knees, judgement, collected, source))
    text, picture = to_text(file), out.with_suffix(".svg")
    digest = digest_of(file.model_dump(mode="json"))
    pages = {
        picture: scale_page.draw(knees, judgement),
        out.with_suffix(".md"): scale_page.to_markdown(file, digest, judgement, collected, picture.name),
        out: text,
    }
    try:
        for path, content in pages.items():
            with whole_file(path, path.with_name(f".{path.name}.part")) as stream:
                stream.write(content.encode())
    except OSError as fault:
        raise SetupError("grades_unusable", f"the scale cannot be written: {fault.strerror}") from fault
    return Calibrated(judgement, (out, out.with_suffix(".md"), picture))


def to_file(knees: ReadKnees, judgement: Judgement, by: GradedBy, fitted: Mapping[str, Any]) -> SiteFile:
    """The content of site.json."""
    scaled = judgement.site.apply(knees.probabilities)
    return SiteFile(
        kind=KIND,
        format=1,
        release=ReleaseNamed(name=by.model, digest=by.digest),
        slope=judgement.site.slope,
        shifts=judgement.site.shifts,
        fitted=dict(fitted),
        figures={
            "release": judgement.before.as_dict(),
            "site": judgement.after.as_dict(),
            "gain": {"log_loss": judgement.gain.loss.as_list(), "quadratic_kappa": judgement.gain.kappa.as_list()},
        },
        seen={  # for a later comparison by `koa-worker drift`
            "readers": _counts(knees.kl),
            "release": _counts(knees.probabilities.argmax(axis=1)),
            "site": _counts(scaled.argmax(axis=1)),
            "mean_probabilities": [round(float(share), 6) for share in scaled.mean(axis=0)],
        },
    )


def _fitted(knees: ReadKnees, judgement: Judgement, collected: Collected, source: str) -> dict[str, Any]:
    ceiling = collected.ceiling
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": __version__,
        "source": source,
        "knees": len(knees),
        "subjects": len(np.unique(knees.subjects)),
        "penalty": judgement.penalty,
        "readers": ceiling.readers if ceiling else None,
        "readers_kappa": ceiling.kappa.as_list() if ceiling and ceiling.kappa else None,
    }


def _counts(kl: Any) -> list[int]:
    return [int(count) for count in np.bincount(kl, minlength=len(GRADES))]
