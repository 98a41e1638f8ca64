"""A name stands for one thing, in the whole of the worker and of training; no folder is too full to be overlooked."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_MODULES = 20  # of one folder

# One thing that has a class in two places: the value, and its form for an output, a library or another kind of run.
SAME_CLASS = {
    "Channel": "a connection: what the gate needs of it, and waitress's own",
    "Request": "a request that is coming in: what the gate needs of it, and waitress's own",
    "Compartment": "half of a joint: measured, told outside, and drawn",
    "JointSpace": "measured, and told outside",
    "Estimate": "a figure with its interval: of a site's readers, and of a training run, which may have no case",
    "Figures": "how well grades agree with the truth: of a site's scale, and of a training run",
    "Patient": "of the image, and as the API shows it",
    "Reading": "a reader's grade of a knee: for the statistics, and as the API shows it",
    "RefusedKnee": "a knee without a grade, and as the API shows it",
    "SpaceChange": "of a joint space since an earlier exam, and as the API shows it",
    "Study": "of the image, and as the API shows it",
    "StudyKnee": "the line of a knee in its study, and as the API shows it",
}

# One thing that is seen from several rooms: the tables of files, the records of files, the page of a file.
SAME_MODULE = {
    *("agreement", "assignments", "audit", "belongings", "correction", "crops", "deliveries", "dicom", "drift"),
    *("export", "figures", "files", "fit", "grade", "headers", "in_place", "joint_space", "knees", "picture"),
    *("pictures", "plots", "reports", "results", "sending", "settings", "status", "studies", "uploads", "users"),
    *("words", "worklist"),
    *("__main__", "base", "child", "run"),  # the place of a module in its room: the start, the ground, a process, a run
}


def _modules() -> Iterator[Path]:
    for top in ("koa_worker", "training"):
        yield from (path for path in (ROOT / top).rglob("*.py") if "versions" not in path.parts)


def test_no_two_classes_of_one_name_mean_two_things() -> None:
    where = defaultdict(list)
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(path.relative_to(ROOT))
    twice = {name: places for name, places in where.items() if len(places) > 1}
    assert set(twice) == set(SAME_CLASS), twice


def test_no_two_modules_of_one_name_mean_two_things() -> None:
    where = defaultdict(list)
    for path in _modules():
        if path.stem != "__init__":
            where[path.stem].append(path.relative_to(ROOT))
    twice = {name: places for name, places in where.items() if len(places) > 1}
    assert set(twice) == SAME_MODULE, set(twice) ^ SAME_MODULE


def test_no_folder_has_more_modules_than_one_can_overlook() -> None:
    counts = Counter(path.parent for path in _modules() if path.stem != "__init__")
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}
