"""The DICOM objects of reports/objects/: `python -m bench.example_objects [--out reports/objects] [--original]`.

They are the objects that a PACS gets for one synthetic radiograph of both knees, for people who want to test whether
their program can read them. With `--original` the radiograph is written too, since viewers draw on it. It is smooth and
has no grain, so that its images are small.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pydicom

from koa_worker import synthetic
from koa_worker.commands.in_place import process_paths
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Side

WHO = Person("Example^Erika", "SYN-0200", "19580314", "F")
STUDY_UID = "2.25.200000000000000000000000000000000200"
NAMES = {
    "SR": "structured-report.dcm",
    "PR": "presentation-state.dcm",
    "OT": "secondary-capture.dcm",
    "DOC": "encapsulated-pdf.dcm",
}
ORIGINAL = "original.dcm"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", type=Path, default=Path("reports/objects"))
    words.add_argument("--original", action="store_true", help="write the radiograph too")
    asked = words.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        plate, made = Path(folder) / ORIGINAL, Path(folder) / "objects"
        draw_plate(plate)
        made.mkdir()
        config = Config()
        list(process_paths([plate], config, Pipeline.load(config), out=None, debug_roi=None, dicom=made))
        for path in made.iterdir():
            name = NAMES[pydicom.dcmread(path, specific_tags=["Modality"]).Modality]
            (asked.out / name).write_bytes(path.read_bytes())
            print(f"{name}: {path.stat().st_size:,} bytes")
        if asked.original:
            (asked.out / ORIGINAL).write_bytes(plate.read_bytes())


def draw_plate(path: Path) -> None:
    """A right knee that is nearly healthy, and a left one with a narrow medial joint space."""
    knees = (
        synthetic.KneeSpec(Side.RIGHT, 0.0, centre=(0.26, 0.5), seed=3),
        synthetic.KneeSpec(Side.LEFT, 3.0, medial_mm=1.5, centre=(0.74, 0.5), seed=4),
    )
    spec = synthetic.PlateSpec(600, 560, 0.6, knees, seed=2, photons=1e9, sharpen=0.0, blur_mm=1.2, beads=True)
    write_dicom(path, synthetic.draw(spec), patient=WHO, study_uid=STUDY_UID, syntax="jpeg-ls")


if __name__ == "__main__":
    main()
