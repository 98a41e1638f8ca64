"""The installed package: it runs outside the source tree, and installs no common name."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


def wheel_of(source: Path, folder: Path) -> Path:
    """Built as pip builds it before it installs, but with the build tools of this environment: nothing is fetched."""
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return archive.namelist()


def tracked(folder: str) -> set[str]:
    """The files below a folder of the source tree, without what Python and an unfinished export leave there."""
    files = (path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts and path.parts[0][0] != "."}


@pytest.mark.parametrize(
    ("folder", "place"),
    [("koa_worker", "koa_worker"), ("training", "koa_worker/_training"), ("models", "koa_worker/_models")],
)
def test_the_wheel_holds_every_file_of_a_folder(names: list[str], folder: str, place: str) -> None:
    files = tracked(folder)
    assert len(files) > 4
    assert {f"{place}/{file}" for file in files} <= set(names)


def test_the_wheel_holds_the_configuration_the_licence_and_the_mark_of_types(names: list[str]) -> None:
    assert {"koa_worker/_config.toml", "koa_worker/py.typed"} <= set(names)
    assert {Path(name).name for name in names if ".dist-info/licenses/" in name} >= {"LICENSE", "NOTICE"}


def test_nothing_but_the_program_gets_among_the_packages_of_others(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"koa_worker"}
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_wheel_brings_both_commands(wheel: Path) -> None:
    entries = configparser.ConfigParser()
    with ZipFile(wheel) as archive:
        (file,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        entries.read_string(archive.read(file).decode())
    assert dict(entries["console_scripts"]) == {
        "koa-worker": "koa_worker.commands.cli:main",
        "koa-train": "koa_worker.commands.train:main",
    }


def test_a_wheel_made_of_the_source_distribution_is_the_same(names: list[str], tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    with ZipFile(wheel_of(source, tmp_path / "wheel")) as made_of_it:
        assert sorted(made_of_it.namelist()) == sorted(names)


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `koa-train` of the wheel's own files, far from the source tree."""
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    program = "import sys; sys.argv[0] = 'koa-train'; from koa_worker.commands.train import main; main()"

    def run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
        # Started again for its memory, a program keeps its own arguments; here that is not wanted.
        environment = os.environ | {"PYTHONPATH": str(site), "KOA_TRAINING_ALLOCATOR": "0", "COLUMNS": "120"}
        command = [sys.executable, "-W", "ignore", "-c", before + program, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_installed_commands_run_under_their_other_name(
    installed: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    pytest.importorskip("matplotlib")
    report = "import atexit, sys; atexit.register(lambda: print([n for n in sys.modules if n.endswith('training')])); "
    done = installed("--help", before=report)
    assert done.returncode == 0, done.stderr
    assert "Usage: koa-train" in done.stdout
    assert "['koa_worker._training']" in done.stdout


@pytest.mark.parametrize("name", ["matplotlib", "keras"])
def test_without_the_extra_it_is_named(
    installed: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, name: str
) -> None:
    done = installed("fit", "--out", str(tmp_path / "run"), before=f"import sys; sys.modules[{name!r}] = None; ")
    assert done.returncode == 2
    assert done.stderr == (
        f"koa-train: A package that the training commands need is not installed ({name})."
        " Install it with pip install 'koa-worker[train]'.\n"
    )
