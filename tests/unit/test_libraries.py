"""The private and undocumented parts of libraries that we stand on are there."""

from importlib import import_module

import pytest

# library, its module, its class ("" for the module itself), the parts used, and the module of ours that uses them
PARTS = [
    ("pynetdicom", "transport", "AssociationSocket", ("_shutdown_socket",), "koa_worker/system/dicom_associations.py"),
    ("pynetdicom", "dul", "DULServiceProvider", ("join", "kill_dul"), "koa_worker/system/dicom_associations.py"),
    ("pynetdicom", "fsm", "StateMachine", ("current_state",), "koa_worker/system/dicom_associations.py"),
    ("pynetdicom", "transport", "ThreadedAssociationServer", ("get_request",), "koa_worker/receive/receiver.py"),
    ("waitress", "channel", "HTTPChannel", ("parser_class", "received"), "koa_worker/web/guard/preflight.py"),
    ("waitress", "parser", "HTTPRequestParser", ("received", "headers_finished"), "koa_worker/web/guard/preflight.py"),
    (
        "waitress",
        "server",
        "TcpWSGIServer",
        ("asyncore", "channel_class", "maintenance", "pull_trigger"),
        "koa_worker/web/serve.py",
    ),
    (
        "reportlab",
        "pdfbase.ttfonts",
        "TTFont",
        ("addObjects", "splitString", "getSubsetInternalName"),
        "koa_worker/report/fonts.py",
    ),
    ("reportlab", "pdfbase.ttfonts", "TTFontFile", ("makeSubset",), "koa_worker/report/fonts.py"),
    ("reportlab", "lib.rl_accel", "", ("escapePDF", "fp_str"), "koa_worker/report/fonts.py"),
    ("reportlab", "lib.utils", "ImageReader", ("getRGBData", "jpeg_fh"), "koa_worker/report/sheet.py"),
]


@pytest.mark.parametrize(("library", "module", "name", "parts", "ours"), PARTS)
def test_a_library_still_has_the_parts_that_we_use(
    library: str, module: str, name: str, parts: tuple[str, ...], ours: str
) -> None:
    owner = import_module(f"{library}.{module}")
    owner = getattr(owner, name) if name else owner
    for part in parts:
        # Some are set when an object is made.
        known = hasattr(owner, part) or part in owner.__init__.__code__.co_names
        assert known, f"{library} no longer has {module}.{name}.{part}; see module {ours}"
