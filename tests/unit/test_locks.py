"""Every lock can be installed by a pip that resolves an extra apart from the pin of its distribution."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock")) + sorted((ROOT / "deploy").glob("*.lock"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?==", re.MULTILINE)


def pins(text: str) -> dict[str, set[str]]:
    """The pinned distributions, each with the extras that its lines name."""
    found: dict[str, set[str]] = {}
    for name, extras in PIN.findall(text):
        found.setdefault(canonicalize_name(name), set()).update(
            canonicalize_name(extra) for extra in extras.split(",") if extra
        )
    return found


def missing_extras(pinned: dict[str, set[str]]) -> list[str]:
    """What a pinned distribution asks for with an extra, and the lock pins without it."""
    missing = []
    for name, extras in pinned.items():
        try:
            asked = requires(name) or []
        except PackageNotFoundError:  # pinned for another platform
            continue
        for requirement in map(Requirement, asked):
            chosen = [{"extra": extra} for extra in sorted(extras)] or [{"extra": ""}]
            if requirement.marker and not any(requirement.marker.evaluate(extra) for extra in chosen):
                continue
            wanted = {canonicalize_name(extra) for extra in requirement.extras}
            if wanted - pinned.get(canonicalize_name(requirement.name), set()):
                missing.append(f"{name} asks for {requirement}")
    return missing


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_an_extra_that_is_asked_for_is_pinned_with_its_distribution(lock: Path) -> None:
    assert missing_extras(pins(lock.read_text())) == []


def test_a_lock_that_strips_extras_is_found_out() -> None:
    dev = pins((ROOT / "requirements-dev.lock").read_text())
    stripped = {name: set[str]() for name in dev}
    assert any("coverage" in line for line in missing_extras(stripped))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_registry(lock: Path) -> None:
    assert "://" not in lock.read_text()
