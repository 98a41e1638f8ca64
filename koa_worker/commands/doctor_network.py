"""The network checks of `koa-worker doctor`: destinations, ports and the files for TLS."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from koa_worker.config import Config, DestinationSettings
from koa_worker.errors import SetupError
from koa_worker.health import tls_files
from koa_worker.system.certificates import expiries
from koa_worker.system.heartbeat import has_owner

_LONGEST_WAIT_SECONDS = 10.0
_SOON = timedelta(days=30)


def checks(settings: Config) -> dict[str, Callable[[Config], str]]:
    """The checks for everything that is configured."""
    found: dict[str, Callable[[Config], str]] = {
        f"destination {one.name}": partial(_destination, one) for one in settings.dicom.destinations
    }
    receiver, web, metrics = settings.dicom.receiver, settings.web, settings.metrics
    if receiver.enabled:
        found["receiver"] = partial(_port, "receiver", receiver.host, receiver.port)
    if web.enabled:
        found["page"] = partial(_port, "web", web.host, web.port)
    if metrics.port:
        found["metrics"] = partial(_port, "config", metrics.host, metrics.port)
    files = tuple(tls_files(settings))
    if files:
        found["TLS"] = partial(_tls, files)
    return found


def _destination(destination: DestinationSettings, _settings: Config) -> str:
    from koa_worker.publish import stow
    from koa_worker.publish.answers import Unreachable
    from koa_worker.publish.dimse import echo

    if destination.protocol == "folder":
        return _folder(Path(destination.folder))
    seconds = min(destination.timeout_seconds, _LONGEST_WAIT_SECONDS)
    impatient = destination.model_copy(update={"timeout_seconds": seconds})
    try:
        if destination.protocol == "stow":
            return stow.echo(impatient)
        echo(impatient)
    except Unreachable as fault:
        raise SetupError("destination", str(fault)) from fault
    return f"answers C-ECHO as {destination.ae_title}"


def _folder(folder: Path) -> str:
    """Checks the folder without writing: another program may take any file that appears there."""
    if not folder.is_dir():
        raise SetupError("destination", "its folder does not exist, or is not mounted")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SetupError("destination", "no permission to write into its folder")
    return f"its folder can be written, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"


def _port(code: str, host: str, port: int, settings: Config) -> str:
    """A running daemon listens there; without one, the port must be free."""
    if port == 0:
        return "any free port"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if has_owner(settings.folders.work):
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - how to reach them
        try:
            socket.create_connection((anywhere.get(host, host), port), _LONGEST_WAIT_SECONDS).close()
        except OSError as fault:
            raise SetupError(code, f"the daemon runs and port {port} does not answer: {fault.strerror}") from fault
        return f"the daemon listens on port {port}"
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as fault:
        raise SetupError(code, f"{host} port {port}: {fault.strerror}") from fault
    return f"port {port} is free"


def _tls(files: Sequence[tuple[str, Path]], _settings: Config) -> str:
    now = datetime.now(UTC)
    ends = []
    for name, path in files:
        try:
            ends.append(min(expiries(path)))
        except OSError as fault:
            raise SetupError("tls", f"{name}: {fault.strerror}") from fault
        except ValueError as fault:
            raise SetupError("tls", f"{name}: it is not a certificate in PEM form") from fault
        if ends[-1] < now:
            raise SetupError("tls", f"{name}: expired on {ends[-1]:%Y-%m-%d}")
    first = min(ends)
    return f"valid until {first:%Y-%m-%d}{', which is soon' if first - now < _SOON else ''}"
