"""The faults that the tests cause, each with the code that must be reported. tests/fault_table.py documents them.

Those of `RUNNING` and `ALONE` are made beside a daemon that runs and are mended again. Those of `ENDING` and `STARTING`
end a daemon or keep it from starting, so that others have to say it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from koa_worker.store.database.schema import REVISION
from tests.fault_hosts import Hosts
from tests.fault_site import SECONDS, Site
from tests.make import until
from tests.parcels import queue_one, take_back


@dataclass(frozen=True, slots=True)
class Scene:
    """A site whose daemon runs, and the machines around it."""

    site: Site
    hosts: Hosts


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that the daemon survives: all outputs report its code and its sentence."""

    what: str
    code: str
    make: Callable[[Scene], object]
    mend: Callable[[Scene], object]
    says: str = ""  # a part of the details


@dataclass(frozen=True, slots=True)
class Ending:
    """One without a daemon afterwards."""

    what: str
    code: str  # of the concern; or of the error that a start ends with
    exit_code: int | None = None  # None: it was killed, hangs, or goes on without anybody hearing of it


def _put(scene: Scene, name: str, content: bytes) -> Path:
    """A file appears in the inbox at once and whole."""
    (scene.site.folder / "new").write_bytes(content)
    return (scene.site.folder / "new").rename(scene.site.inbox / name)


def _mount(place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _away(place: Path) -> Path:
    return place.with_name(f"{place.name}-away")


def _gone(what: str, code: str, path: Callable[[Site], Path], says: str = "") -> Fault:
    return Fault(
        what, code,
        lambda scene: path(scene.site).rename(_away(path(scene.site))),
        lambda scene: _away(path(scene.site)).rename(path(scene.site)),
        says,
    )  # fmt: skip


def _rights(what: str, code: str, mode: int, path: Callable[[Site], Path], says: str = "") -> Fault:
    return Fault(
        what, code, lambda scene: path(scene.site).chmod(mode), lambda scene: path(scene.site).chmod(0o700), says
    )


def _below(site: Site) -> Path:
    folder = site.inbox / "below"
    folder.mkdir(exist_ok=True)
    return folder


def _lock_in(scene: Scene) -> None:
    (_below(scene.site) / "a.png").write_bytes(b"nothing")
    _below(scene.site).chmod(0o500)


def _break_off(scene: Scene) -> None:
    part = _put(scene, "b.dcm.part", b"DICM")
    os.utime(part, (0, 0))


def _secret_file(scene: Scene) -> None:
    path = scene.site.folder / "secret.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    path.chmod(0)
    os.chown(path, 12345, 12345)
    path.rename(scene.site.inbox / path.name)


def _fill(scene: Scene) -> None:
    """To the last byte."""
    with (scene.site.folder / "filling").open("wb") as stream:
        try:
            while True:
                stream.write(b"\0" * 65536)
                stream.flush()
        except OSError:
            pass


def _empty(scene: Scene) -> None:
    (scene.site.folder / "filling").unlink()


def _refuse_alerts(scene: Scene) -> None:
    """With something to tell."""
    scene.hosts.alert_status = 500
    _break_off(scene)


def _take_alerts(scene: Scene) -> None:
    scene.hosts.alert_status = 200
    (scene.site.inbox / "b.dcm.part").unlink()


def _set_back(scene: Scene) -> None:
    """A file came while the clock was wrong."""
    scene.site.set_clock(days=1)
    _put(scene, "of-tomorrow.png", b"nothing")
    until(lambda: scene.site.rows("SELECT 1 FROM files WHERE state = 'rejected'"), SECONDS)
    scene.site.set_clock(days=0)


def _forget_files(scene: Scene) -> None:
    """Removes the files and their rows; plain SQLite does not check foreign keys."""
    scene.site.sql("DELETE FROM files" if scene.site.url.startswith("sqlite") else "TRUNCATE files CASCADE")


def _damage(scene: Scene) -> None:
    with (scene.site.work / "koa.sqlite3").open("r+b") as stream:
        stream.write(b"\0" * 16)


def _repair(scene: Scene) -> None:
    with (scene.site.work / "koa.sqlite3").open("r+b") as stream:
        stream.write(b"SQLite format 3\0")


def _undelivered(what: str, name: str, says: str, code: str = "destination_down") -> Fault:
    """The faults of the destinations lie in their settings: an object is queued for one."""
    return Fault(
        what, code,
        lambda scene: queue_one(scene.site.url, name, scene.hosts.parcel, sop_class_uid=scene.hosts.sop_class_uid),
        lambda scene: take_back(scene.site.url, name),
        f"({name}, {says}",
    )  # fmt: skip


RUNNING = (
    _gone("The inbox is missing", "inbox_gone", lambda site: site.inbox),
    Fault(
        "Another file system is mounted on the inbox, or its share is unmounted", "inbox_moved",
        lambda scene: _mount(scene.site.inbox), lambda scene: _unmount(scene.site.inbox),
    ),
    _rights("The inbox may not be read", "inbox_unreadable", 0, lambda site: site.inbox, "Permission denied"),
    _rights("The inbox may not be written", "inbox_unwritable", 0o500, lambda site: site.inbox),
    _gone("The folder of originals is missing", "folder_gone", lambda site: site.work / "done", "done"),
    _gone("The folder of reports is missing", "folder_gone", lambda site: site.folder / "reports", "reports"),
    _rights("The folder of originals may not be written", "folder_gone", 0o500, lambda site: site.work / "done"),
    _rights("A folder in the inbox may not be read", "unreadable_folders", 0, _below, "1 folder"),
    Fault(
        "A file cannot be taken", "unclaimable",
        _lock_in, lambda scene: _below(scene.site).chmod(0o700), "1 file: Permission denied",
    ),
    Fault(
        "An export was interrupted", "unfinished",
        _break_off, lambda scene: (scene.site.inbox / "b.dcm.part").unlink(), "1 file",
    ),
    Fault("A file of another account may not be read", "parked", _secret_file, _forget_files, "1 file"),
    Fault("The disk is full to the last byte", "disk_full", _fill, _empty),
    Fault(
        "The receiver's certificate has expired", "certificate",
        lambda scene: scene.site.certify(-1), lambda scene: scene.site.certify(), "receiver tls_certificate, expired",
    ),
    _gone(
        "The receiver's certificate is missing", "certificate",
        lambda site: site.folder / "receiver.pem", "receiver tls_certificate, No such file",
    ),
    _undelivered("The PACS is down", "nobody", "Connection refused"),
    _undelivered("The PACS has no address", "lost", "Name or service not known"),
    _undelivered("The PACS does not know our AE title", "strict", "association rejected: calling ae title not rec"),
    _undelivered("The PACS rejects such objects", "choosy", "storage class not accepted", "destination_refuses"),
    _undelivered("The PACS is full", "full", "status A700"),
    _undelivered("The PACS connects and does not answer", "mute", "it takes the connection and does not answer"),
    _undelivered("The archive (STOW-RS) does not accept the token", "archive", "not authorised: look at the token"),
    _undelivered("The archive's certificate has expired", "sealed", "certificate is not accepted: certificate has exp"),
    _undelivered("The folder for results is missing", "share", "No such file or directory"),
    Fault(
        "Alerts cannot be delivered", "alert_failed",
        _refuse_alerts, _take_alerts, "webhook, HTTP 500",
    ),
    Fault(
        "The database server is stopped", "database",
        lambda scene: scene.hosts.server.stop(), lambda scene: scene.hosts.server.start(),
    ),
    Fault(
        "The database server hangs", "database",
        lambda scene: scene.hosts.hold_server(), lambda scene: scene.hosts.let_server_go(),
    ),
    Fault(
        "The database has another password", "database",
        lambda scene: scene.site.sql("ALTER ROLE koa PASSWORD 'other'"),
        lambda scene: scene.site.sql(*scene.hosts.password_again(scene.site.url)),
        "password",
    ),
    Fault(
        "The tables are of a newer version", "database",
        lambda scene: scene.site.sql("UPDATE alembic_version SET version_num = '9999'"),
        lambda scene: scene.site.sql(f"UPDATE alembic_version SET version_num = '{REVISION}'"),
        "newer",
    ),
)  # fmt: skip

# Beside a daemon with SQLite and a clock of its own.
ALONE = (
    Fault(
        "The clock is set forward, beyond the end of a certificate", "certificate",
        lambda scene: scene.site.set_clock(days=40), lambda scene: scene.site.set_clock(days=0), "expired",
    ),
    Fault("The clock is set back by a day", "clock", _set_back, _forget_files, "it showed 2"),
    _gone("The SQLite file is missing", "database", lambda site: site.work / "koa.sqlite3"),
    Fault("The SQLite file is damaged", "database", _damage, _repair),
)  # fmt: skip

ENDING = (
    Ending("The daemon was killed", "not_running"),
    Ending("The daemon's loop hangs", "silent"),
    Ending("The disk with all folders is unmounted", "not_running"),
    Ending("The model's files change while it runs", "not_running", 2),
)

STARTING = (
    Ending("A key of the configuration is mistyped", "config", 2),
    Ending("A file of the model is damaged", "model_altered", 2),
    Ending("The port of the receiver is taken", "receiver", 2),
    Ending("The port of the page is taken", "web", 2),
    Ending("The port of the metrics is taken", "config", 2),
    Ending("Another daemon uses the work folder", "folders", 2),
    Ending("The database does not answer at the start", "store", 4),
)
