"""The model card of a release, written only from its manifest, so that no figure in it is typed manually."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koa_worker.knee.grading.release import Review
from koa_worker.knee.grading.review import rule_of_votes
from koa_worker.knee.grading.views import View
from koa_worker.knee.joint_space.tilt import MOST
from koa_worker.values import GRADE_WORDS, GRADES

from ..measuring.words import OVERALL_WORDS

_HEAD = """\
# Model card: {label}

**Research use only. Not for diagnostic use.**

{members} grades one knee on the Kellgren–Lawrence scale, KL 0 to 4, from a crop of 224×224 pixels with one gray channel
repeated. {views}
{levelled}{parts}{cost}Files: LiteRT with {precision} weights,
{agreement}.

## Intended use
Grading frontal (PA or AP, standing or fixed-flexion) knee radiographs of adults in research: cohorts, archives,
pre-sorting for a reader. A person reads what the worker marks for review, and no patient is treated because of a
grade alone.

## What it cannot do
- It knows knees without implants only. It has learned nothing of fractures, tumours, infection or children. The gate
  that belongs to the release turns most implants, other views and other body parts away, not every one; what reaches
  the nets gets a grade.
- It grades a crop that looks like its training crops: a square about 1.25 times as wide as the tibial plateau, around
  the joint, equalised with CLAHE(5, 8×8). The worker's own preparation makes that crop.
- Grade 1 (doubtful) is the grade that readers agree on least; so does the net. See its row below.
- The nets measure nothing; the joint space widths of a report come from traced edges, not from them. No alignment, no
  change over time.

## Data, licence, attribution
The weights are licensed under the Apache License 2.0, as the program is.
Trained and calibrated on *Knee Osteoarthritis Severity Grading Dataset*, Pingjun Chen (2018), Mendeley Data,
V1, doi:10.17632/56rmx5bjcr.1, licensed under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changes made:
the pictures were used to fit the weights; none is contained in this release. The pictures come from the Osteoarthritis
Initiative: one North American study, 45 to 79 years, one radiographic protocol. Backbone weights started from an
ImageNet release under Apache 2.0. No subject is in both training and validation.
"""

_LEVELLED = f"""\
A levelled view turns the crop by the tilt of the tibial plateau, which is traced in the crop, so that the plateau is
level; by at most {MOST:.0f} degrees.
"""

_FAILURES = """
## Known failures
- Neighbouring grades are confused far more often than distant ones; the matrix above shows how often. Most misses lie
  between 0 and 1 and between 1 and 2.
- A crop equalised twice, cut far off the joint or strongly rotated costs accuracy (table above, where measured).
- Another hospital's exposure, grain and framing cost accuracy. Check on your own graded knees first:
  `koa-train evaluate --model DIR --data FOLDER`.
- Confidence is calibrated on the validation knees' mix of grades; where the mix differs, it is off.
"""


def write(manifest: dict[str, Any]) -> str:
    """The whole card."""
    sections = [
        _head(manifest),
        _figures(manifest),
        _by_grade(manifest),
        _calibration(manifest),
        _robustness(manifest),
        _occlusion(manifest),
        _frames(manifest),
        _FAILURES,
        _training(manifest),
    ]
    return "".join(section for section in sections if section)


def _head(manifest: dict[str, Any]) -> str:
    trained = manifest["trained"]
    agreements = trained["agreement_with_keras"]
    largest = max(agreement["largest"] for agreement in agreements)
    same = min(agreement["same_grade"] for agreement in agreements)
    return _HEAD.format(
        label=f"{manifest['name']}-v{manifest['version']}",
        members=_members(len(manifest["members"])),
        views=_views(len(manifest["members"]), manifest["views"]),
        levelled=_LEVELLED if any(View.parse(name).levelled for name in manifest["views"]) else "",
        parts=_parts(manifest["members"]),
        cost=_cost(manifest),
        precision=trained["precision"],
        agreement=f"at most {largest:.1e} in probability from their Keras nets and the same grade on"
        f" {same:.1%} of {agreements[0]['images']} crops",
    )


def _members(count: int) -> str:
    return "One MobileNetV2" if count == 1 else f"The mean of {count} MobileNetV2"


def _views(members: int, names: Sequence[str]) -> str:
    listed = ", ".join(name.replace("@", " at scale ") for name in names)
    who = "It" if members == 1 else "Each"
    if len(names) == 1:
        return f"{who} looks at the crop once ({listed})."
    return f"{who} looks at the crop in {len(names)} views ({listed}); the mean of all probabilities is the answer."


def _parts(members: Sequence[dict[str, Any]]) -> str:
    """The members that use only a part of the crop."""
    said = []
    for number, member in enumerate(members, start=1):
        top, left, bottom, right = member.get("sees", (0, 0, 1, 1))
        if (top, left, bottom, right) != (0, 0, 1, 1):
            said.append(
                f"Member {number} sees its middle {right - left:.0%} × {bottom - top:.0%} (width × height) alone.\n"
            )
    return "".join(said)


def _cost(manifest: dict[str, Any]) -> str:
    found: dict[str, float] | None = manifest["metrics"].get("cost")
    if not found:
        return ""
    said = f"A knee costs {found['looks']:.1f} looks of one plain MobileNetV2 of 224 pixels, timed in the same run"
    if not (again := found.get("seen_again")):
        return said + ".\n"
    return (
        f"{said}:\n{found['grade']:.1f} for its grade, and {found['again']:.1f} more for the knees that are not"
        f" familiar at once ({again:.0%} of those of the validation; at another hospital it may be most of them), which"
        f" the gate judges by looks of its own ({', '.join(manifest['gate'].get('views', manifest['views']))}).\n"
    )


def _figures(manifest: dict[str, Any]) -> str:
    figures = manifest["metrics"]["validation"]
    rows = [("figure", "value", "95 % interval")]
    rows += [(words, _value(figures[name]), _interval(figures[name])) for name, words in OVERALL_WORDS.items()]
    return (
        f"\n## Figures on validation\n{figures['knees']} knees of {figures['subjects']} subjects. Members, temperature"
        " and review thresholds were chosen on these knees, so the figures are slightly too good. Intervals are"
        f" bootstrapped over subjects.\n\n{_table(rows)}"
    )


def _by_grade(manifest: dict[str, Any]) -> str:
    figures = manifest["metrics"]["validation"]
    rows: list[tuple[str, ...]] = [("grade", "knees", "precision", "recall", "F1", *(f"→ {grade}" for grade in GRADES))]
    for grade in GRADES:
        counts = [cell["value"] for cell in figures["confusion"][grade]]
        scores = [
            f"{_value(figures[name][grade])} ({_interval(figures[name][grade])})"
            for name in ("precision", "recall", "f1")
        ]
        given = [f"{count:.0f}" for count in counts]
        rows.append((f"{grade} {GRADE_WORDS[grade]}", f"{sum(counts):.0f}", *scores, *given))
    of_columns = "The right-hand columns say how many knees of a reader's grade the release gave each grade."
    return f"\n## By grade\n{of_columns}\n\n{_table(rows)}"


def _calibration(manifest: dict[str, Any]) -> str:
    looks = len(manifest["members"]) * len(manifest["views"])
    rule, chosen = rule_of_votes(Review.model_validate(manifest["review"]), looks), manifest["metrics"]["review"]
    ece = manifest["metrics"]["validation"]["ece"]
    return (
        f"\n## Calibration and review\nTemperature {manifest['temperature']}, by negative log likelihood. Expected"
        f" calibration error {_value(ece)} ({_interval(ece)}).\n\n{rule} On validation"
        f" {chosen['coverage']:.0%} of the knees need no review, and {chosen['accuracy']:.0%} of those grades are the"
        " readers'.\n"
    )


def _robustness(manifest: dict[str, Any]) -> str:
    rows = manifest["metrics"].get("robustness")
    if not rows:
        return ""
    table = [("change to the validation crops", "accuracy", "quadratic kappa", "accuracy lost")]
    table += [(r["name"], _value(r["accuracy"]), _value(r["quadratic_kappa"]), f"{r['drop']:+.3f}") for r in rows]
    return f"\n## Robustness\n\n{_table(table)}"


def _occlusion(manifest: dict[str, Any]) -> str:
    found = manifest["metrics"].get("occlusion")
    if not found:
        return ""
    return (
        f"\n## Heatmaps\nHiding the hottest fifth of the crop lowers the given grade's probability by"
        f" {found['hottest']:.3f} on average, hiding a random fifth by {found['random']:.3f}: {found['ratio']:.2f}"
        f" times as much ({found['knees']} validation knees).\n"
    )


def _frames(manifest: dict[str, Any]) -> str:
    found = manifest["metrics"].get("other_hospital")
    if not found:
        return ""
    rows = [("figure", "value", "95 % interval")]
    rows += [(words, _value(found[name]), _interval(found[name])) for name, words in OVERALL_WORDS.items()]
    return (
        f"\n## Another hospital\n{found['knees']} knees in {found['subjects']} whole frames (other machine, exposure"
        f" and readers; Gornale, *Digital Knee X-ray Images*, Mendeley Data t9ndx37v5h, CC BY 4.0), found and graded as"
        f" the worker does, without its gate; {found['rejected']} frames were rejected. Nothing was fitted to them, but"
        " releases were compared on them, and the gate's further looks and its limit for metal were chosen with them in"
        f" view. A site's own scale changes most of these figures, see docs/calibration.md.\n\n{_table(rows)}"
    )


def _training(manifest: dict[str, Any]) -> str:
    trained = manifest["trained"]
    lines = [f"- member {number}: {_run(run)}" for number, run in enumerate(trained.get("runs") or [], start=1)]
    if bias := trained.get("logit_bias"):
        added = ", ".join(f"{value:+.2f}" for value in bias["added"])
        lines.append(f"- added to the logits of grades 0 to 4 after training, by validation: {added}")
    return "\n## Training\n" + "\n".join(lines) + "\n" if lines else ""


def _run(run: dict[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in run.get("settings", {}).items())
    said = f"`{run['net']}`: {settings}" if settings else f"`{run['net']}`"
    if "from" in run:
        said += f"; taken over bit for bit from {run['from']}"
    if added := run.get("added"):
        numbers = ", ".join(f"{value:+.2f}" for value in added)
        said += f", with what was added there to the logits of grades 0 to 4: {numbers}"
    return said


def _value(figure: dict[str, float | None]) -> str:
    return "–" if figure["value"] is None else f"{figure['value']:.3f}"


def _interval(figure: dict[str, float | None]) -> str:
    return "–" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    first, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([first, "|" + "---|" * len(rows[0]), *others]) + "\n"
