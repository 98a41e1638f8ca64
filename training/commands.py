"""The sub-commands that measure and release: evaluate, compare, robustness, occlusion, export, gate, card."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.views import View

from .data.crops import Crop, read_crops
from .data.frames import read_frames
from .measuring import compare as comparison
from .measuring import evaluate as evaluation
from .measuring import occlusion as occluding
from .measuring import robustness as changing
from .releasing import gate as gates

ModelOption = Annotated[Path, typer.Option("--model", help="A release folder: manifest.json and its members.")]
DataOption = Annotated[Path, typer.Option("--data", help="A folder with sub-folders 0 to 4 of knee crops.")]
EqualizedOption = Annotated[
    bool | None,
    typer.Option("--equalized/--raw", help="The crops have (not) been through CLAHE. Without it, each crop is tested."),
]
NonKneesOption = Annotated[
    Path | None,
    typer.Option(help="Further images that are no knees, for the gate: any format that the worker reads."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else there.")]


def say(sentence: str) -> None:
    """Progress and errors go to stderr, where `--json` leaves room for them."""
    sys.stderr.write(sentence + "\n")


def evaluate(
    model: ModelOption,
    data: DataOption,
    *,
    equalized: EqualizedOption = None,
    whole_frames: Annotated[
        bool, typer.Option("--whole-frames", help="The images are whole frames: find the knees first.")
    ] = False,
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the images.")] = None,
) -> None:
    """Measures a release on labelled knees, with 95 % intervals bootstrapped over subjects."""
    grader = Grader.load(model)
    crops, rejected = _knees(data, equalized, whole_frames=whole_frames)
    graded = evaluation.grade_all(grader, crops, quiet=as_json)
    figures = graded.figures()
    if out is not None:
        evaluation.draw(graded, figures, out)
    if as_json:
        _print_json(evaluation.as_dict(grader.name, graded, figures) | rejected)
        return
    console = Console()
    console.print(*evaluation.tables(grader.name, figures), sep="\n")
    review = graded.review()
    console.print(f"{review.coverage:.1%} need no review; of those grades {review.accuracy:.1%} are right.")
    for name, code in rejected.get("rejected", {}).items():
        console.print(f"rejected: {name} ({code})")


def compare(
    models: Annotated[list[Path], typer.Argument(help="Release folders, or .keras files as `fit` saves them.")],
    data: DataOption,
    *,
    equalized: EqualizedOption = None,
    members: Annotated[bool, typer.Option("--members", help="Each member of a release by itself too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Several models on the same knees in one table."""
    rows = comparison.compare(models, read_crops(data, equalized=equalized), members=members)
    if as_json:
        _print_json(comparison.as_list(rows))
    else:
        Console().print(comparison.as_table(rows))


def robustness(
    model: ModelOption, data: DataOption, *, equalized: EqualizedOption = None, as_json: JsonOption = False
) -> None:
    """Accuracy when crops are cut, turned, exposed or stored otherwise."""
    rows = changing.measure_all(Grader.load(model), read_crops(data, equalized=equalized), quiet=as_json)
    if as_json:
        _print_json(changing.as_list(rows))
    else:
        Console().print(changing.as_table(rows))


def occlusion(
    model: ModelOption, data: DataOption, *, equalized: EqualizedOption = None, as_json: JsonOption = False
) -> None:
    """Tests whether hiding the hot part of the heatmap costs more than hiding another part."""
    found = occluding.measure_occlusion(Grader.load(model), read_crops(data, equalized=equalized), quiet=as_json)
    if as_json:
        _print_json(found.as_dict())
    else:
        Console().print(str(found))


def export(
    nets: Annotated[
        list[Path],
        typer.Argument(help="The trained networks (.keras), one for each member, or members of releases (.tflite)."),
    ],
    data: Annotated[Path, typer.Option("--data", help="Validation crops: calibration, thresholds and figures.")],
    out: Annotated[Path, typer.Option("--out", help="The release to be made: a folder named NAME-vN.")],
    *,
    samples: Annotated[
        Path | None, typer.Option(help="Training crops that float16, int8 and the gate are fitted to; else --data.")
    ] = None,
    non_knees: NonKneesOption = None,
    precision: Annotated[str, typer.Option(help="float32, float16 or int8.")] = "float16",
    prior: Annotated[
        float, typer.Option(help="Share of the grades' frequency to restore, which balanced sampling removes.")
    ] = 0.0,
    views: Annotated[
        str, typer.Option(help="Views of a crop for each member: plain, mirrored, levelled-plain, plain@1.06 …")
    ] = "plain,mirrored",
    looks: Annotated[
        float, typer.Option(help="Highest cost of a knee, in passes of one plain MobileNetV2 of 224 pixels.")
    ] = 4.0,
    equalized: EqualizedOption = None,
) -> None:
    """Makes a release from trained networks, compares it with them, calibrates it and writes its model card."""
    from .network import networks  # noqa: PLC0415
    from .network.to_litert import Precision  # noqa: PLC0415
    from .releasing import export as exporting  # noqa: PLC0415 - needs TensorFlow; the other commands do not

    plan = exporting.Plan(tuple(nets), out, Precision(precision), prior, tuple(views.split(",")), looks)
    for name in plan.views:
        View.parse(name)  # checked before minutes of conversion
    for net in nets:
        if net.suffix != exporting.MEMBER:
            networks.load_own(net)  # likewise
    validation = read_crops(data, equalized=equalized)
    training = exporting.Training(
        read_crops(samples, equalized=equalized) if samples else validation,
        gates.read_others(non_knees) if non_knees else (),
    )
    try:
        graded = exporting.export(plan, validation, training, say)
    except exporting.ExportFailed as fault:
        say(f"Not exported: {fault}")
        raise typer.Exit(1) from fault
    Console().print(*evaluation.tables(out.name, graded.figures()), sep="\n")


def gate(
    model: ModelOption,
    samples: Annotated[Path, typer.Option(help="Training crops, in sub-folders 0 to 4.")],
    *,
    non_knees: NonKneesOption = None,
    equalized: EqualizedOption = None,
) -> None:
    """Fits the gate of a finished release again, which recognises images that are not knees."""
    from .releasing.export import write_card  # noqa: PLC0415 - needs TensorFlow; the other commands do not

    others = gates.read_others(non_knees) if non_knees else ()
    gates.renew_gate(model, gates.fit_gate(model, read_crops(samples, equalized=equalized), others, say))
    write_card(model)


def card(
    model: ModelOption,
    data: DataOption,
    *,
    equalized: EqualizedOption = None,
    frames: Annotated[Path | None, typer.Option(help="Graded whole frames of another hospital.")] = None,
) -> None:
    """Measures robustness, heatmaps and another hospital, adds them to the manifest, and rewrites the model card."""
    from .releasing.export import add_metrics  # noqa: PLC0415 - needs TensorFlow; the other commands do not

    grader = Grader.load(model)
    crops = read_crops(data, equalized=equalized)
    found: dict[str, Any] = {
        "robustness": changing.as_list(changing.measure_all(grader, crops, quiet=False)),
        "occlusion": occluding.measure_occlusion(grader, crops, quiet=False).as_dict(),
    }
    if frames is not None:
        knees, rejected = _knees(frames, None, whole_frames=True)
        graded = evaluation.grade_all(grader, knees)
        found["other_hospital"] = graded.figures().as_dict() | {"rejected": len(rejected["rejected"])}
    add_metrics(model, found)


def _knees(data: Path, equalized: bool | None, *, whole_frames: bool) -> tuple[list[Crop], dict[str, Any]]:  # noqa: FBT001
    """The knees, and for whole frames the rejected ones with the reason."""
    if not whole_frames:
        return read_crops(data, equalized=equalized), {}
    frames = read_frames(data)
    return list(frames.knees), {"rejected": {path.name: code for path, code in frames.rejected}}


def _print_json(content: object) -> None:
    sys.stdout.write(json.dumps(content, allow_nan=False) + "\n")
