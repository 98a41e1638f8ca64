"""The machines around a worker with faults: PACS and archives of each kind, and the receivers of alerts."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    Verification,
)

from tests.certificates import make_certificate
from tests.postgres import PASSWORD, Server

_NO_ROOM = 0xA700
_OTHER_PASSWORD = "other"


class Hosts:
    """Everybody listens on a port of this machine."""

    sop_class_uid = str(Comprehensive3DSRStorage)

    def __init__(self, folder: Path, ports: dict[str, int], server: Server | None) -> None:
        self.folder, self.ports = folder, ports
        self._server = server
        self._held: list[int] = []
        self.alert_status = 200
        self.alerts: list[dict[str, Any]] = []
        self.parcel = folder / "object.dcm"
        _write_object(self.parcel, self.sop_class_uid)
        make_certificate(folder / "authority.pem", days=30)
        make_certificate(folder / "sealed.pem", days=-1, signer=folder / "authority.pem")
        (folder / "token").write_text("of another year\n")

    @property
    def server(self) -> Server:
        assert self._server is not None
        return self._server

    @staticmethod
    def destinations(folder: Path, port: dict[str, int]) -> str:
        """For the configuration."""
        dimse = {
            "nobody": (port["nobody"], ""), "strict": (port["choosy"], ""), "full": (port["full"], ""),
            "choosy": (port["choosy"], 'calling_ae_title = "KNOWN"\n'), "mute": (port["mute"], ""),
        }  # fmt: skip
        address = 'ae_title = "PACS"\nhost = "{host}"\nport = {port}\n'
        places = {name: address.format(host="127.0.0.1", port=at) + more for name, (at, more) in dimse.items()}
        places["lost"] = address.format(host="pacs.invalid", port=104)
        stow = 'protocol = "stow"\nurl = "{scheme}://127.0.0.1:{port}/dicom-web"\n'
        places["archive"] = stow.format(scheme="http", port=port["archive"]) + 'token_file = "token"\n'
        places["sealed"] = stow.format(scheme="https", port=port["sealed"]) + 'tls_authority = "authority.pem"\n'
        places["share"] = f'protocol = "folder"\nfolder = "{folder}/nowhere"\n'
        return "".join(
            f'[[dicom.destinations]]\nname = "{name}"\ntimeout_seconds = 2.0\n{settings}'
            for name, settings in places.items()
        )

    @contextmanager
    def listening(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(_pacs(self.ports["choosy"], EncapsulatedPDFStorage, callers=["KNOWN"]))
            stack.enter_context(_pacs(self.ports["full"], Comprehensive3DSRStorage))
            stack.enter_context(_mute(self.ports["mute"]))
            stack.enter_context(self._web("webhook", self._take_alert))
            stack.enter_context(self._web("archive", lambda _body: 401))
            stack.enter_context(self._web("sealed", lambda _body: 200, sealed=True))
            yield

    # Alerts

    def _take_alert(self, body: bytes) -> int:
        if self.alert_status == 200:
            self.alerts.append(json.loads(body))
        return self.alert_status

    def alerted(self, code: str) -> int:
        """The number of alerts that it began."""
        return sum(one["code"] == code for alert in self.alerts for one in alert["began"])

    def told_over(self, code: str) -> bool:
        """Whether they were told of each one that it is over: one that begins before would be no news to them."""
        return self.alerted(code) <= sum(one["code"] == code for alert in self.alerts for one in alert["ended"])

    @contextmanager
    def _web(self, place: str, answer: Any, *, sealed: bool = False) -> Iterator[None]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(answer(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                """Nothing on the screen."""

        server = HTTPServer(("127.0.0.1", self.ports[place]), Handler)
        server.handle_error = lambda *_words: None  # type: ignore[method-assign]  # a caller that does not trust us
        if sealed:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "sealed.pem", self.folder / "sealed.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    # The database server

    def hold_server(self) -> None:
        """Its processes are stopped; the kernel still accepts connections for them."""
        first = int((self.server.folder / "data/postmaster.pid").read_text().splitlines()[0])
        os.kill(first, signal.SIGSTOP)
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        self._held = [first, *map(int, children)]
        for process in self._held[1:]:
            os.kill(process, signal.SIGSTOP)

    def let_server_go(self) -> None:
        for process in reversed(self._held):
            os.kill(process, signal.SIGCONT)

    def password_again(self, url: str) -> tuple[str, str]:
        """The statement, and the address with the password that is in force."""
        now = url.replace(PASSWORD.replace("/", "%2F").replace(" ", "%20"), _OTHER_PASSWORD)
        return f"ALTER ROLE koa PASSWORD '{PASSWORD}'", now


def _write_object(path: Path, sop_class_uid: str) -> None:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = sop_class_uid, "2.25.1"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(path, enforce_file_format=True)


@contextmanager
def _pacs(port: int, storage_class: str, callers: list[str] | None = None) -> Iterator[None]:
    """Without room for anything; with `callers` it knows nobody else."""
    application = AE("PACS")
    application.require_calling_aet = callers or []
    application.add_supported_context(Verification)
    application.add_supported_context(storage_class)
    handlers: list[Any] = [(evt.EVT_C_STORE, lambda _event: _NO_ROOM)]
    server: Any = application.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield
    finally:
        server.shutdown()


@contextmanager
def _mute(port: int) -> Iterator[None]:
    """The kernel takes the connections, and nobody reads from them."""
    with socket.create_server(("127.0.0.1", port), backlog=128):
        yield
