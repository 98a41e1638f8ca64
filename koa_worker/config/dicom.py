"""The sections below [dicom]: who may send to the worker, and where its results go."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from koa_worker.config.section import Section


def parse_caller(words: str) -> tuple[str, IPv4Network | IPv6Network]:
    """The title and the network of `AE_TITLE@address` or `AE_TITLE@network/bits`; raises ValueError."""
    ae_title, _, place = words.rpartition("@")
    if not ae_title:
        raise ValueError(f"{words!r} is not AE_TITLE@address")
    return ae_title, ip_network(place)


_AeTitle = Annotated[str, Field(pattern=r"^[\x21-\x5B\x5D-\x7E]([\x20-\x5B\x5D-\x7E]{0,14}[\x21-\x5B\x5D-\x7E])?$")]


class ReceiverSettings(Section):
    enabled: bool = False
    ae_title: _AeTitle = "KOAWORKER"
    host: str = "0.0.0.0"  # noqa: S104 - `callers` limits who may send
    port: int = Field(default=11112, ge=0, le=65535)
    callers: tuple[str, ...] = ("*@127.0.0.1",)
    max_associations: int = Field(default=32, gt=0)
    timeout_seconds: float = Field(default=30.0, gt=0.0)
    tls_certificate: str = ""
    tls_key: str = ""
    tls_authority: str = ""

    @field_validator("callers")
    @classmethod
    def _are_places(cls, callers: tuple[str, ...]) -> tuple[str, ...]:
        for caller in callers:
            parse_caller(caller)
        return callers


class ResultSettings(Section):
    structured_report: bool = True
    secondary_capture: bool = True
    presentation: bool = True
    pdf: bool = True
    supersede: Literal["none", "iocm"] = "none"
    folder: Path = Path("work/outgoing")
    retry_seconds: float = Field(default=30.0, gt=0.0)


class DestinationSettings(Section):
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    protocol: Literal["dimse", "stow", "folder"] = "dimse"
    kinds: tuple[Literal["structured_report", "secondary_capture", "presentation", "pdf"], ...] = ()
    compression: Literal["jpeg", "none"] = "jpeg"
    ae_title: _AeTitle | Literal[""] = ""
    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    calling_ae_title: _AeTitle = "KOAWORKER"
    url: str = ""
    token_file: str = ""
    token_variable: str = ""
    folder: str = ""
    timeout_seconds: float = Field(default=30.0, gt=0.0)
    tls_authority: str = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        needed = {"dimse": ("ae_title", "host", "port"), "stow": ("url",), "folder": ("folder",)}[self.protocol]
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f'protocol = "{self.protocol}" needs {name}')
        if self.protocol == "stow":
            _check_url(self.url, secret=bool(self.token_file or self.token_variable))
        return self


def _check_url(url: str, *, secret: bool) -> None:
    try:
        place = urlsplit(url)
        _ = place.port
    except ValueError:
        raise ValueError("url is not an address as in https://pacs.example/dicom-web") from None
    if place.scheme not in {"http", "https"} or not place.hostname or place.query or place.fragment:
        raise ValueError("url is not an address as in https://pacs.example/dicom-web")
    if place.username or place.password:
        raise ValueError("url contains a password; use token_file")
    if secret and place.scheme == "http" and place.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("a token is sent by https only")


class DicomSettings(Section):
    receiver: ReceiverSettings = ReceiverSettings()
    results: ResultSettings = ResultSettings()
    destinations: tuple[DestinationSettings, ...] = ()

    @field_validator("destinations")
    @classmethod
    def _have_names_of_their_own(cls, destinations: tuple[DestinationSettings, ...]) -> tuple[DestinationSettings, ...]:
        if len({destination.name for destination in destinations}) < len(destinations):
            raise ValueError("two destinations have the same name")
        return destinations

    def below(self, base: Path) -> Self:
        results = self.results.model_copy(update={"folder": (base / self.results.folder).absolute()})
        return self.model_copy(
            update={
                "results": results,
                "receiver": _with_files_below(self.receiver, base),
                "destinations": tuple(_with_files_below(destination, base) for destination in self.destinations),
            }
        )


_TlsUser = TypeVar("_TlsUser", ReceiverSettings, DestinationSettings)


def _with_files_below(section: _TlsUser, base: Path) -> _TlsUser:
    names = ("tls_certificate", "tls_key", "tls_authority", "token_file", "folder")
    named = {name: path for name in names if (path := getattr(section, name, ""))}
    return section.model_copy(update={name: str((base / path).absolute()) for name, path in named.items()})
