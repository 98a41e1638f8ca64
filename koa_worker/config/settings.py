"""The settings as frozen, checked values: there is one class for each section of config.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from koa_worker import languages
from koa_worker.config.dicom import DicomSettings
from koa_worker.config.section import Section
from koa_worker.config.sources import read_secret


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """A part of the day; it may extend past midnight."""

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            opens, closes = (time.fromisoformat(part.strip()) for part in text.split("-"))
        except ValueError as fault:
            raise ValueError('write it as "22:00-06:00"') from fault
        if opens == closes:
            raise ValueError("both times are the same; leave it empty to work all day")
        return cls(opens, closes)

    def holds(self, moment: time) -> bool:
        if self.opens < self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


class Folders(Section):
    inbox: Path = Path("work/inbox")
    work: Path = Path("work/claimed")
    done: Path = Path("work/done")
    rejected: Path = Path("work/rejected")
    failed: Path = Path("work/failed")
    reports: Path = Path("reports")

    def all(self) -> dict[str, Path]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    def below(self, base: Path) -> Self:
        """The same folders with absolute paths: a relative path starts at `base`."""
        return self.model_copy(update={name: (base / path).absolute() for name, path in self.all().items()})


class StoreSettings(Section):
    url: str = Field(default="sqlite:///work/koa.sqlite3", repr=False)  # may hold a password
    url_file: str = ""
    auto_upgrade: bool = True

    def below(self, base: Path) -> Self:
        """The same settings with absolute paths, and with the URL read from its file if there is one."""
        path = str((base / self.url_file).absolute()) if self.url_file else ""
        url = read_secret("[store] url_file", Path(path)) if path else self.url
        scheme = "sqlite:///"
        if url.startswith(scheme) and url != "sqlite:///:memory:":
            url = f"{scheme}{(base / url.removeprefix(scheme)).absolute()}"
        return self.model_copy(update={"url": url, "url_file": path})


class ModelSettings(Section):
    path: str = ""
    review_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    site: str = ""

    def below(self, base: Path) -> Self:
        named = {name: path for name in ("path", "site") if (path := getattr(self, name))}
        return self.model_copy(update={name: str((base / path).absolute()) for name, path in named.items()})


class IntakeSettings(Section):
    stable_seconds: float = Field(default=2.0, ge=0.0)
    scan_seconds: float = Field(default=10.0, gt=0.0)
    incomplete_seconds: float = Field(default=60.0, ge=0.0)
    overdue_minutes: float = Field(default=60.0, ge=0.0)


class StudySettings(Section):
    quiet_seconds: float = Field(default=5.0, ge=0.0, le=86400.0)


class WorkSettings(Section):
    workers: int = Field(default=0, ge=0)
    run_between: str = ""
    stop_seconds: float = Field(default=60.0, gt=0.0)

    @field_validator("run_between")
    @classmethod
    def _readable(cls, text: str) -> str:
        if text:
            WorkingHours.parse(text)
        return text

    def window(self) -> WorkingHours | None:
        return WorkingHours.parse(self.run_between) if self.run_between else None


class Limits(Section):
    max_file_mb: int = Field(default=200, gt=0)
    max_megapixels: int = Field(default=100, gt=0)
    max_tries: int = Field(default=5, gt=0)
    seconds_per_file: float = Field(default=120.0, gt=0.0)
    memory_mb: int = Field(default=3072, ge=512)
    min_free_mb: int = Field(default=1024, ge=0)


class RetentionSettings(Section):
    done_days: int = Field(default=0, ge=0)
    rejected_days: int = Field(default=0, ge=0)
    failed_days: int = Field(default=0, ge=0)
    reports_days: int = Field(default=0, ge=0)
    results_days: int = Field(default=0, ge=0)


class MetricsSettings(Section):
    host: str = Field(default="127.0.0.1", min_length=1)  # the library takes an empty host to mean all addresses
    port: int = Field(default=0, ge=0, le=65535)


class AlertSettings(Section):
    command: str = ""
    webhook: str = ""
    after_seconds: float = Field(default=60.0, ge=0.0)
    timeout_seconds: float = Field(default=10.0, gt=0.0)

    @field_validator("webhook")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and not address.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://")
        return address


class BatchSettings(Section):
    patience_seconds: float = Field(default=300.0, gt=0.0)


class ReportSettings(Section):
    institution: str = ""
    paper: Literal["A4", "letter"] = "A4"
    language: str = languages.ENGLISH

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: str) -> str:
        if language not in languages.names():
            raise ValueError(f"there are only: {', '.join(languages.names())}")
        return language


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


class WebSettings(Section):
    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    names: tuple[str, ...] = ()
    proxy: str = ""
    sign_on_header: str = ""
    sign_on_secret_file: str = ""
    sign_on_logout: str = ""
    threads: int = Field(default=4, gt=0)
    session_hours: float = Field(default=12.0, gt=0.0)
    blind_readers: tuple[str, ...] = ()
    uploads_per_minute: int = Field(default=120, gt=0)
    uploads_at_once: int = Field(default=8, gt=0)
    upload_seconds: float = Field(default=300.0, gt=0.0)
    max_waiting: int = Field(default=1000, gt=0)

    @model_validator(mode="after")
    def _sign_on_can_be_read(self) -> Self:
        if self.sign_on_header and not _HEADER.fullmatch(self.sign_on_header):
            raise ValueError("sign_on_header is the name of a header, such as X-Forwarded-User")
        if self.sign_on_logout and not self.sign_on_logout.startswith(("https://", "/")):
            raise ValueError("sign_on_logout begins with https:// or /")
        return self

    def below(self, base: Path) -> Self:
        path = self.sign_on_secret_file
        return self.model_copy(update={"sign_on_secret_file": str((base / path).absolute()) if path else ""})


class Config(Section):
    folders: Folders = Folders()
    store: StoreSettings = StoreSettings()
    model: ModelSettings = ModelSettings()
    intake: IntakeSettings = IntakeSettings()
    study: StudySettings = StudySettings()
    work: WorkSettings = WorkSettings()
    limits: Limits = Limits()
    report: ReportSettings = ReportSettings()
    batch: BatchSettings = BatchSettings()
    retention: RetentionSettings = RetentionSettings()
    metrics: MetricsSettings = MetricsSettings()
    alerts: AlertSettings = AlertSettings()
    log: LogSettings = LogSettings()
    dicom: DicomSettings = DicomSettings()
    web: WebSettings = WebSettings()

    def below(self, base: Path) -> Self:
        return self.model_copy(
            update={
                "folders": self.folders.below(base),
                "store": self.store.below(base),
                "model": self.model.below(base),
                "dicom": self.dicom.below(base),
                "web": self.web.below(base),
            }
        )

    def with_store(self, url: str | None) -> Self:
        """The same with another database, named on the command line: a relative path starts at the current folder."""
        store = StoreSettings(url=url, auto_upgrade=self.store.auto_upgrade).below(Path.cwd()) if url else self.store
        return self.model_copy(update={"store": store})

    def with_site(self, path: Path | None) -> Self:
        """The same with another site's scale, named on the command line."""
        if path is None:
            return self
        return self.model_copy(update={"model": self.model.model_copy(update={"site": str(path.absolute())})})
