"""The sub-command `fit`: its options become settings; invalid ones are refused before the run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def fit(
    *,
    out: Annotated[Path, typer.Option(help="the run's folder")],
    data: Annotated[
        list[str] | None, typer.Option(help="FOLDER, raw:FOLDER or equalized:FOLDER; may be given again")
    ] = None,
    csv: Annotated[list[str] | None, typer.Option(help="a table with path, grade and if known subject, split")] = None,
    network: Annotated[str, typer.Option(help="mobilenetv2 or cnn")] = "mobilenetv2",
    start: Annotated[
        str,
        typer.Option(help="ImageNet weights (.h5); to go on: a network (.keras, .h5) or a member (.tflite)"),
    ] = "",
    seed: Annotated[int, typer.Option(help="seed of all random numbers")] = 0,
    sizes: Annotated[str, typer.Option(help="image sizes and epochs, such as 160x8,224x4")] = "224x12",
    seen: Annotated[int, typer.Option(help="the network first enlarges its crop to this")] = 224,
    window: Annotated[str, typer.Option(help="then use only these rows and columns in the middle: 192x384")] = "",
    head_epochs: Annotated[int, typer.Option(help="epochs of the head alone, before the rest")] = 1,
    freeze: Annotated[str, typer.Option(help="do not train the backbone's layers before this one")] = "",
    head_rate: Annotated[float, typer.Option(help="learning rate of the head alone")] = 1e-3,
    rate: Annotated[float, typer.Option(help="highest learning rate of the rest")] = 5e-4,
    weight_decay: float = 0.02,
    batch: Annotated[int, typer.Option(help="images a step")] = 32,
    dropout: float = 0.3,
    sigma: Annotated[float, typer.Option(help="width of the soft labels in grades; 0: hard labels")] = 0.5,
    teacher: Annotated[str, typer.Option(help="a release folder, whose answers are learnt like labels")] = "",
    trust: Annotated[float, typer.Option(min=0, max=1, help="the teacher's share of the targets")] = 0.5,
    balance: Annotated[float, typer.Option(help="0: grades by their frequency, 1: each equally often")] = 0.5,
    levelled: Annotated[
        bool, typer.Option(help="turn each crop so that its plateau is level, for a release of levelled views")
    ] = False,
    augmentation: Annotated[str, typer.Option(help="none, light, usual, strong or hospitals")] = "usual",
    equalize: Annotated[
        str, typer.Option(help="equalise before augmentation, or after it if the crop before equalisation is known")
    ] = "before",
    mix: Annotated[
        float, typer.Option(min=0, help="mix each knee with another (mixup); 0: never, 1: any share is equally likely")
    ] = 0.0,
    mix_within: Annotated[
        int, typer.Option(min=0, max=4, help="mix it with a knee at most this number of grades away; 4: with any")
    ] = 4,
    average: Annotated[float, typer.Option(help="momentum of the weights' average")] = 0.997,
    patience: Annotated[int, typer.Option(help="stop after this number of epochs without improvement; 0: never")] = 0,
    resume: Annotated[bool, typer.Option(help="resume the run in --out")] = False,
) -> None:
    """Fit a network to graded knees; the run folder then holds best.keras."""
    from .data import layouts, split  # noqa: PLC0415
    from .fitting import fit as fitting  # noqa: PLC0415 - Keras takes seconds to load, which --help need not wait for
    from .fitting import runfile  # noqa: PLC0415
    from .fitting.initial_weights import check as check_start  # noqa: PLC0415
    from .fitting.settings import Settings, parse_sizes, parse_window  # noqa: PLC0415

    console = Console()
    try:
        sources = [layouts.Source.parse(text) for text in data or []]
        sources += [layouts.Source(Path(text)) for text in csv or []]
        if not sources:
            raise typer.BadParameter("say where the pictures are: --data FOLDER or --csv FILE")
        known = check_start(start, network)
        settings = Settings(
            network=network, start=start, seed=seed, sizes=parse_sizes(sizes), seen=seen, window=parse_window(window),
            head_epochs=head_epochs, freeze=freeze, head_rate=head_rate, rate=rate, weight_decay=weight_decay,
            batch=batch, dropout=dropout, sigma=sigma, teacher=teacher, trust=trust, balance=balance,
            levelled=levelled, augmentation=augmentation, equalize=equalize, mix=mix, mix_within=mix_within,
            average=average, patience=patience,
        )  # fmt: skip
        dataset = split.complete(layouts.collect(sources), seed=seed)
        runfile.open_run(out, settings, dataset, resume=resume)
    except (ValueError, FileExistsError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    console.print(*filter(None, [known, layouts.summary(dataset)]), sep="\n")
    best = fitting.fit(settings, dataset, out, console)
    console.print(f"best: {best}")
