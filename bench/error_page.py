"""`make docs`: docs/errors.md, written from the catalogue in `koa_worker/errors/`.

`python -m bench.error_page [--out FILE]`
Without --out the page is only printed. `NOTES` explains some codes in more detail than the program.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from koa_worker.errors import CATALOGUE, Fault

WIDTH = 116

HEAD = """
    `make docs` writes this page from `koa_worker/errors/`. Each error has a code, a sentence and a remedy. The
    details of the case follow the sentence in parentheses. They never name a patient or a file.
"""

CHAPTERS = {
    Fault.FILE: """Rejected: the file is the cause
    The original is in `rejected/`, by date, with a text file beside it that gives the reason. The worker does not retry
    it, because the result would be the same.""",
    Fault.OURS: """Failed: the worker or its surroundings are the cause
    The worker retries after 1, 4, 16 and 64 minutes and then every four hours. After `[limits] max_tries` tries in
    total the original stays in `failed/` until `koa-worker retry`.""",
    Fault.SETUP: """Setup: the worker does not start
    The command prints the sentence and exits with code 2. It changes nothing in the inbox.""",
    Fault.CALLER: """Refused: a request to the page or the API
    The page shows the sentence; the API answers with a JSON object. Nothing was stored and nothing was changed.""",
}

NOTES = {
    "own_result": """
    DICOM objects are recognised by the manufacturer that they name, images by a text in PNG and JPEG and by bars along
    their lower edge; results of other installations are recognised as well. In the daemon such a file counts as a
    duplicate: no report mentions it, and it does not change the exit code. The receiver acknowledges such an object and
    stores nothing.""",
    "knee_not_found": """
    Another knee of the same image was graded; that knee is flagged for review. The position of the missing knee is the
    whole leg. If only the header names both knees (Image Laterality `B`), its position is the part of the image beside
    the knee that was found.""",
    "other_part": """
    The reason is a value of Body Part Examined (0018,0015) that cannot mean the knee: `HIP`, `ANKLE`, `CHEST` … An
    empty or unknown value, `LEG` and `EXTREMITY` are no reason: the image decides.""",
    "other_view": """
    The reason is View Position, the coded view or the words of the protocol. Without these, the model decides from
    the appearance of the joint.""",
    "not_a_knee": """
    The model compares the region with the knees that it was trained on. Hips, ankles, hands, gray photographs and gray
    pages get this code. If an image is upside down or on its side and shows a clear knee after a turn, it is turned,
    graded and flagged for review.""",
    "implant": """
    Prostheses, plates, nails and large screws are found by their brightness, by their edges and by the model. In an
    image with two knees the other knee is graded, and the report names both.""",
    "cut_off": """
    More than 15 % of the width of the tibial plateau is beyond the edge. From 5 % on, the knee is graded and flagged
    for review.""",
    "coloured": """
    More than a tenth of the image has a colour that differs from the tint of the whole image. A tint alone, as scanned
    films have, is no reason.""",
    "not_a_release": """
    A model of another project (`model.h5`, `model.keras`, `saved_model/`) cannot grade. It lacks the head from which
    the heatmap is computed, the calibration, and the description of how its images were prepared. `--start` begins from
    a member of the shipped release, from ImageNet weights or from a model of an earlier fit.""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE")
    out = parser.parse_args().out
    if out:
        out.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())


def page() -> str:
    return "\n\n".join(_paragraphs()) + "\n"


def _paragraphs() -> Iterator[str]:
    yield "# Error codes"
    yield _wrapped(HEAD)
    for fault, chapter in CHAPTERS.items():
        title, _, text = chapter.partition("\n")
        yield f"## {title}"
        yield _wrapped(text)
        for code, entry in CATALOGUE.items():
            if entry.fault is fault:
                yield f"### `{code}`"
                yield entry.sentence
                yield entry.remedy
                if code in NOTES:
                    yield _wrapped(NOTES[code])


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False)


if __name__ == "__main__":
    main()
