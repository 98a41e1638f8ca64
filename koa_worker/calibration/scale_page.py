"""The page about a site's scale: its effect, the uncertainty of it, and whether more grades would help."""

from __future__ import annotations

from collections.abc import Iterator

from koa_worker import RESEARCH_NOTICE
from koa_worker.calibration.collect import Collected
from koa_worker.calibration.figures import Figures, reliability
from koa_worker.calibration.fit import ReadKnees
from koa_worker.calibration.judge import Judgement, Learnt
from koa_worker.calibration.svg import Drawing, Line
from koa_worker.knee.grading.site import SiteFile
from koa_worker.watch.agreement import confusion

_FLAT = 0.01  # increase of kappa from the last size but one to the last


def to_markdown(file: SiteFile, digest: str, judgement: Judgement, collected: Collected, picture: str) -> str:
    """The page for a person who decides whether to use the scale."""
    whose = f"{file.fitted['knees']} knees of {file.fitted['subjects']} subjects on {file.fitted['at'][:10]}"
    lines = [
        "# This site's own scale",
        "",
        f"{RESEARCH_NOTICE} Site scale `{digest[:12]}` for {file.release.name}, fitted to {whose}.",
        "",
        *_figures(judgement),
        "",
        f"![Confusion before and after, reliability, and agreement by number of graded knees]({picture})",
        "",
        *_scale(judgement),
        "",
        *_curve(judgement.curve),
        *_ceiling(collected),
        *_notes(judgement, collected),
    ]
    return "\n".join(lines).rstrip() + "\n"


def draw(knees: ReadKnees, judgement: Judgement) -> str:
    """The four plots of the page."""
    drawing = Drawing()
    for title, said in (("Release", knees.probabilities), ("Site's scale, unseen knees", judgement.probabilities)):
        drawing.table(title, confusion(knees.kl, said.argmax(axis=1)))
    lines = [Line("ideal", [(0, 0), (1, 1)])]
    for kind, said in (("release", knees.probabilities), ("site", judgement.probabilities)):
        lines.append(Line(kind, [(share, found) for share, found, _ in reliability(said, knees.kl)]))
    drawing.plot("Reliability of P(KL ≥ 2)", "said (gray: release)", "found", lines)
    curve = judgement.curve
    before = Line("release", [(at, judgement.before.kappa.value) for at in range(len(curve))])
    after = Line("site", [(at, one.kappa) for at, one in enumerate(curve)], [(one.low, one.high) for one in curve])
    labels = [str(one.knees) for one in curve]
    drawing.plot("Agreement (kappa)", "graded knees (gray: release)", "kappa", [before, after], labels=labels)
    return drawing.to_text()


def summary(judgement: Judgement) -> str:
    """Sums up the fit in one sentence."""
    before, after = judgement.before, judgement.after
    return (
        f"Agreement with this site's readers on unseen knees: accuracy {before.accuracy.value:.3f} →"
        f" {after.accuracy.value:.3f}, quadratic kappa {before.kappa.value:.3f} → {after.kappa.value:.3f},"
        f" mean error {before.error.value:.3f} → {after.error.value:.3f} grades."
    )


def _figures(judgement: Judgement) -> Iterator[str]:
    yield "Figures of knees that the scale has not seen (cross-validated by subject), with 95 % intervals by subject:"
    yield ""
    yield "| | release | site's scale |"
    yield "| --- | ---: | ---: |"
    names = {"accuracy": "accuracy", "kappa": "quadratic kappa", "error": "mean error, grades", "loss": "log loss"}
    for name, words in names.items():
        before, after = (_figure(figures, name) for figures in (judgement.before, judgement.after))
        yield f"| {words} | {before} | {after} |"
    yield ""
    yield (
        f"On the same knees kappa rises by {judgement.gain.kappa} and log loss falls by {judgement.gain.loss}. The"
        " scale keeps the order of knees by P(KL ≥ k) for each k, so that no AUC changes."
    )


def _figure(figures: Figures, name: str) -> str:
    return str(getattr(figures, name))


def _scale(judgement: Judgement) -> Iterator[str]:
    yield "The log-odds of P(KL ≥ k) on the site's scale are slope × the release's + shift:"
    yield ""
    yield "| slope | shift of KL ≥ 1 | KL ≥ 2 | KL ≥ 3 | KL ≥ 4 |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    yield "| " + " | ".join(f"{number:.2f}" for number in (judgement.site.slope, *judgement.site.shifts)) + " |"


def _curve(curve: tuple[Learnt, ...]) -> Iterator[str]:
    if not curve:
        return
    yield "| graded knees | kappa on other subjects | worst to best tenth of draws | accuracy |"
    yield "| ---: | ---: | ---: | ---: |"
    for one in curve:
        yield f"| {one.knees} | {one.kappa:.3f} | {one.low:.3f} to {one.high:.3f} | {one.accuracy:.3f} |"
    yield ""
    more = len(curve) < 2 or curve[-1].kappa - curve[-2].kappa > _FLAT
    yield "More graded knees would probably help." if more else "The curve is flat: more graded knees would add little."
    yield ""


def _ceiling(collected: Collected) -> Iterator[str]:
    if (ceiling := collected.ceiling) is not None:
        yield (
            f"{ceiling.readers} readers agree with one another on {ceiling.knees} knees with accuracy"
            f" {ceiling.accuracy} and kappa {ceiling.kappa or 'not defined'}."
            " No answer can agree better with them than that."
        )
        yield ""


def _notes(judgement: Judgement, collected: Collected) -> Iterator[str]:
    notes = [*collected.notes, *suspicions(judgement, collected)]
    if notes:
        yield "## Grades to look at"
        yield ""
        yield from (f"- {note}" for note in notes)


def suspicions(judgement: Judgement, collected: Collected) -> list[str]:
    """A sentence for each grade that may be a typing error."""
    return [
        f"{where[0].upper()}{where[1:]}: KL {knee.kl} is far from the model's KL {knee.grade.release_kl}, even on this"
        " site's scale. Check for a typing error."
        for knee in (collected.knees[index] for index in judgement.suspicious)
        if (where := knee.where)
    ]
