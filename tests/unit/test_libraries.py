"""The private parts of libraries that we use exist, and only one of our modules uses each."""

from __future__ import annotations

import ast
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from PIL import Image
from pynetdicom import AE, fsm
from pynetdicom.association import Association
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer
from reportlab.lib import rl_accel
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfdoc, pdfutils, ttfonts
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer

from koa_worker.system import dicom_associations

ROOT = Path(__file__).parents[2]
WAITRESS = "koa_worker/web/serving/waitress_parts.py"
REPORTLAB = "koa_worker/report/reportlab_parts.py"
PYNETDICOM = "koa_worker/system/dicom_associations.py"
BOUNDS = "koa_worker/system/dicom_bounds.py"


def _listening(stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_server(("127.0.0.1", 0)))


def _server(stack: ExitStack) -> TcpWSGIServer:
    door = _listening(stack)
    adj = Adjustments(sockets=[door], threads=1)
    info = (door.family, door.type, door.proto, door.getsockname())
    server = TcpWSGIServer(None, _sock=door, bind_socket=False, adj=adj, sockinfo=info)
    stack.callback(server.close)
    stack.callback(server.task_dispatcher.shutdown)
    return server


def _channel(stack: ExitStack) -> HTTPChannel:
    server = _server(stack)
    line, other = socket.socketpair()
    stack.enter_context(other)
    stack.enter_context(line)
    return HTTPChannel(server, line, ("127.0.0.1", 1), server.adj, map={})


def _request(_stack: ExitStack) -> HTTPRequestParser:
    request = HTTPRequestParser(Adjustments())
    request.received(b"POST /upload HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
    return request


def _font(_stack: ExitStack) -> TTFont:
    with resources.as_file(resources.files("koa_worker.report") / "fonts" / "NotoSansThai-Regular.ttf") as path:
        return TTFont("plain", str(path))


def _finished(stack: ExitStack) -> Any:
    """What the library keeps of a report with one piece of text, once it is written."""
    canvas, font = Canvas(BytesIO()), _font(stack)
    document = canvas._doc
    for subset, _codes in font.splitString("ก", document):
        font.getSubsetInternalName(subset, document)
    font.addObjects(document)
    return document


def _codes(stack: ExitStack) -> Any:
    font, document = _font(stack), Canvas(BytesIO())._doc
    font.splitString("ก", document)
    return font.state[document]


def _font_in_file(stack: ExitStack) -> Any:
    return next(font for name, font in _finished(stack).idToObject["BasicFonts"].dict.items() if name.endswith("+0"))


def _picture(_stack: ExitStack) -> ImageReader:
    reader = ImageReader(Image.new("L", (2, 2)))
    reader.getRGBData()
    return reader


def _association(_stack: ExitStack) -> Association:
    return Association(AE(), "requestor")


def _association_socket(stack: ExitStack) -> AssociationSocket:
    line, other = socket.socketpair()
    stack.enter_context(other)
    return AssociationSocket(_association(stack), client_socket=stack.enter_context(line))


def _association_server(stack: ExitStack) -> ThreadedAssociationServer:
    application = AE()
    application.add_supported_context(Verification)
    server = application.make_server(("127.0.0.1", 0), server_class=ThreadedAssociationServer)
    stack.callback(server.server_close)
    return server


# What our modules use or override: of which thing, how one is made, and which parts of it.
USES: dict[str, list[tuple[str, Callable[[ExitStack], Any], str]]] = {
    WAITRESS: [
        (
            "waitress.server.TcpWSGIServer",
            _server,
            (
                "_map active_channels add_task asyncore channel_class effective_host effective_port maintenance "
                "pull_trigger run task_dispatcher trigger"
            ),
        ),
        ("TcpWSGIServer.asyncore", lambda stack: _server(stack).asyncore, "close_all loop"),
        (
            "waitress.channel.HTTPChannel",
            _channel,
            "addr adj parser_class request requests requests_lock server socket",
        ),
        (
            "waitress.parser.HTTPRequestParser",
            _request,
            (
                "chunked command completed content_length empty error expect_continue headers headers_finished path "
                "received"
            ),
        ),
    ],
    REPORTLAB: [
        ("reportlab.pdfgen.canvas.Canvas", lambda _stack: Canvas(BytesIO()), "_doc addLiteral"),
        ("Canvas._doc", _finished, "idToObject"),
        ("a font in Canvas._doc", _font_in_file, "BaseFont Widths"),
        ("the widths of a font in Canvas._doc", lambda stack: _font_in_file(stack).Widths, "sequence"),
        ("reportlab.pdfbase.ttfonts.TTFont", _font, "addObjects face getSubsetInternalName splitString state"),
        ("what TTFont.state keeps of a document", _codes, "assignments subsets"),
        ("TTFont.face", lambda stack: _font(stack).face, "charToGlyph makeSubset name"),
        ("reportlab.lib.utils.ImageReader", _picture, "_dataA getRGBData jpeg_fh"),
        ("reportlab.lib.rl_accel", lambda _stack: rl_accel, "escapePDF"),
        ("reportlab.pdfbase.pdfdoc.PDFArray", lambda _stack: pdfdoc.PDFArray([]), "format"),
        ("reportlab.pdfbase.pdfdoc.PDFZCompress", lambda _stack: pdfdoc.PDFZCompress, "encode"),
        ("reportlab.pdfbase.pdfutils", lambda _stack: pdfutils, "readJPEGInfo"),
        ("reportlab.pdfbase.ttfonts", lambda _stack: ttfonts, "makeToUnicodeCMap"),
    ],
    PYNETDICOM: [
        ("pynetdicom.transport.AssociationSocket", _association_socket, "close socket"),
        ("pynetdicom.association.Association", _association, "dul"),
        ("Association.dul", lambda stack: _association(stack).dul, "artim_timer ident join socket state_machine"),
        ("Association.dul.state_machine", lambda stack: _association(stack).dul.state_machine, "current_state"),
        (
            "pynetdicom.transport.ThreadedAssociationServer",
            _association_server,
            "get_request server_close shutdown ssl_context",
        ),
    ],
    BOUNDS: [
        ("pynetdicom.transport.AssociationSocket for its bounds", _association_socket, "assoc recv socket"),
        ("Association for its bounds", _association, "ae dimse is_requestor _kill is_aborted is_established"),
        ("Association.dul for its bounds", lambda stack: _association(stack).dul, "event_queue run_reactor socket"),
        (
            "Association.dimse",
            lambda stack: _association(stack).dimse,
            "assoc dul message msg_queue receive_primitive",
        ),
        (
            "pynetdicom.dimse_messages.DIMSEMessage",
            lambda _stack: DIMSEMessage(),
            "context_id data_set encoded_command_set",
        ),
    ],
}

# What no other module of ours may import, and what it may not name. Parts named by everyday words are left out.
INWARD = {
    WAITRESS: ("waitress", "_map active_channels parser_class pull_trigger requests_lock task_dispatcher"),
    REPORTLAB: (
        (
            "reportlab.lib.rl_accel reportlab.lib.utils reportlab.pdfbase.pdfdoc reportlab.pdfbase.pdfutils "
            "reportlab.pdfbase.ttfonts"
        ),
        (
            "_dataA _doc addLiteral addObjects charToGlyph getRGBData getSubsetInternalName idToObject jpeg_fh "
            "makeSubset splitString"
        ),
    ),
    PYNETDICOM: (
        "pynetdicom.dul pynetdicom.fsm pynetdicom.transport",
        "_shutdown_socket artim_timer current_state dul get_request state_machine",
    ),
    BOUNDS: ("pynetdicom.dimse pynetdicom.dimse_messages", "encoded_command_set receive_primitive run_reactor"),
}
# Two modules share the associations of pynetdicom: one ends them, the other bounds them.
ALSO = {PYNETDICOM: BOUNDS}


@pytest.mark.parametrize(
    ("ours", "thing", "make", "parts"),
    [pytest.param(ours, *use, id=use[0]) for ours, uses in USES.items() for use in uses],
)
def test_a_library_still_has_the_parts_that_we_use(
    ours: str, thing: str, make: Callable[[ExitStack], Any], parts: str
) -> None:
    with ExitStack() as stack:
        try:
            made = make(stack)
        except (AttributeError, KeyError, StopIteration, TypeError) as fault:
            pytest.fail(f"{thing} is no longer made as {ours} makes it ({fault!r}): change that module")
        gone = [part for part in parts.split() if not hasattr(made, part)]
    assert not gone, f"{thing} no longer has {', '.join(gone)}, which {ours} uses: change that module"


def test_a_finished_report_keeps_its_fonts_by_the_names_that_we_look_for() -> None:
    with ExitStack() as stack:
        kept = _finished(stack).idToObject
    for beginning in ("toUnicodeCMap:", "fontFile:", "BasicFonts"):
        assert any(key.startswith(beginning) for key in kept), (
            f"reportlab no longer keeps anything under {beginning}…; change {REPORTLAB}"
        )


def test_reportlab_still_calls_what_we_replace_by_something_faster() -> None:
    called = {
        *pdfdoc.PDFImageXObject.loadImageFromJPEG.__code__.co_names,
        *TTFont.addObjects.__code__.co_names,
    }
    missing = {"readJPEGInfo", "makeToUnicodeCMap"} - called
    assert not missing, f"reportlab no longer calls {sorted(missing)}, which {REPORTLAB} replaces"


def test_pynetdicom_still_closes_a_line_by_the_part_that_we_replace() -> None:
    called = "_shutdown_socket" in AssociationSocket.close.__code__.co_names
    assert called, f"AssociationSocket.close no longer calls _shutdown_socket, which {PYNETDICOM} replaces"


def test_the_state_of_an_association_still_has_the_name_that_we_look_for() -> None:
    known = dicom_associations._AWAITING_OUR_ANSWER in fsm.STATES
    assert known, f"pynetdicom no longer knows the state Sta3; change {PYNETDICOM}"


@pytest.mark.parametrize("ours", USES)
def test_the_list_above_names_what_our_classes_take_from_theirs(ours: str) -> None:
    listed = {part for _thing, _make, parts in USES[ours] for part in parts.split()}
    for owner in ast.walk(_tree(ROOT / ours)):
        if isinstance(owner, ast.ClassDef):
            taken = _of_self(owner) - _defined(owner)
            assert taken <= listed, f"class {owner.name} of {ours} uses {sorted(taken - listed)}: add it to USES"


@pytest.mark.parametrize("ours", USES)
def test_no_other_module_touches_the_inward_parts_of_a_library(ours: str) -> None:
    modules, names = (frozenset(words.split()) for words in INWARD[ours])
    for path in sorted((ROOT / "koa_worker").rglob("*.py")):
        if path in {ROOT / ours, ROOT / ALSO.get(ours, ours)}:
            continue
        tree = _tree(path)
        touched = modules & set(_imported(tree)) | names & _named(tree)
        assert not touched, f"{path.relative_to(ROOT)} touches {sorted(touched)}: only {ours} may"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _of_self(owner: ast.ClassDef) -> set[str]:
    """What its methods take from `self`."""
    return {
        node.attr
        for node in ast.walk(owner)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def _defined(owner: ast.ClassDef) -> set[str]:
    """What the class itself brings: its methods, its values, and what its `__init__` sets."""
    methods = [part for part in owner.body if isinstance(part, ast.FunctionDef)]
    values = [part for part in owner.body if isinstance(part, ast.Assign | ast.AnnAssign)]
    starts = [method for method in methods if method.name == "__init__"]
    found = {method.name for method in methods}
    found |= {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
    found |= {node.attr for start in starts for node in ast.walk(start) if _is_set(node)}
    return found


def _is_set(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported, and every package above it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = [f"{node.module}.{name.name}" for name in node.names]
        else:
            continue
        for name in named:
            words = name.split(".")
            yield from (".".join(words[:end]) for end in range(1, len(words) + 1))


def _named(tree: ast.Module) -> set[str]:
    """Names after a dot, those of methods and class values, and words that `getattr` may be given."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            found |= _defined(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found
