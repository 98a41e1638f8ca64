"""Reads config.toml into frozen, checked settings; an unknown key is refused with the nearest known one."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from koa_worker.errors import SetupError

DEFAULT_FILE = Path("config.toml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folders(_Section):
    inbox: Path = Path("work/inbox")
    work: Path = Path("work/claimed")
    done: Path = Path("work/done")
    rejected: Path = Path("work/rejected")
    failed: Path = Path("work/failed")
    reports: Path = Path("reports")

    def all(self) -> dict[str, Path]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    def below(self, base: Path) -> Self:
        """The same folders, made absolute: what is relative counts from `base`."""
        return self.model_copy(update={name: (base / path).absolute() for name, path in self.all().items()})


class Store(_Section):
    url: str = "sqlite:///work/koa.sqlite3"

    def below(self, base: Path) -> Self:
        scheme = "sqlite:///"
        if not self.url.startswith(scheme) or self.url == "sqlite:///:memory:":
            return self
        return self.model_copy(update={"url": f"{scheme}{(base / self.url.removeprefix(scheme)).absolute()}"})


class Model(_Section):
    path: str = ""
    review_confidence: float = Field(default=0.0, ge=0.0, le=1.0)

    def below(self, base: Path) -> Self:
        return self.model_copy(update={"path": str((base / self.path).absolute())}) if self.path else self


class Intake(_Section):
    stable_seconds: float = Field(default=2.0, ge=0.0)
    scan_seconds: float = Field(default=10.0, gt=0.0)


class Limits(_Section):
    max_file_mb: int = Field(default=200, gt=0)
    max_megapixels: int = Field(default=100, gt=0)
    max_tries: int = Field(default=5, gt=0)


class Report(_Section):
    institution: str = ""
    paper: Literal["A4", "letter"] = "A4"


class Log(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(_Section):
    folders: Folders = Folders()
    store: Store = Store()
    model: Model = Model()
    intake: Intake = Intake()
    limits: Limits = Limits()
    report: Report = Report()
    log: Log = Log()

    def below(self, base: Path) -> Self:
        return self.model_copy(
            update={
                "folders": self.folders.below(base),
                "store": self.store.below(base),
                "model": self.model.below(base),
            }
        )


def load(path: Path | None = None) -> Config:
    """The settings in `path`; without one those in ./config.toml if there is one, else the defaults."""
    if path is None:
        if not DEFAULT_FILE.is_file():
            return Config().below(Path.cwd())
        path = DEFAULT_FILE
    try:
        with path.open("rb") as stream:
            table = tomllib.load(stream)
        return Config.model_validate(table).below(path.absolute().parent)
    except OSError as fault:
        raise SetupError("config", f"{path}: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SetupError("config", f"{path} is not TOML: {fault}") from fault
    except ValidationError as fault:
        raise SetupError("config", f"{path}: {_first_fault(fault)}") from fault


def commented_defaults() -> str:
    """The file with every setting, its default and a line on it, to start one's own from."""
    package = Path(__file__).parent
    installed, in_source_tree = package / "_config.toml", package.parent / "config.toml"
    return (installed if installed.exists() else in_source_tree).read_text(encoding="utf-8")


def _first_fault(fault: ValidationError) -> str:
    first = fault.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        return f"{'.'.join(where)}: {first['msg']}"
    known = _keys_at(where[:-1])
    near = difflib.get_close_matches(where[-1], known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here are {', '.join(known)}"
    return f"unknown key {'.'.join(where)!r}; {hint}"


def _keys_at(where: list[str]) -> list[str]:
    fields: dict[str, Any] = dict(Config.model_fields)
    for name in where:
        fields = dict(fields[name].annotation.model_fields)
    return list(fields)
