"""What the DICOM libraries are told, once for the whole process and before any thread uses them.

Their switches, and Python's list of warnings to ignore, belong to the process: turned on and off again around a call,
two threads that overlap would leave them as neither wants them.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import warnings


def set_up_pydicom() -> None:
    """Takes values as headers have them, and quotes none of them: the odd one may be the patient's name."""
    from pydicom import config  # noqa: PLC0415

    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom")


def set_up_pynetdicom() -> None:
    """Lets it close the sockets that it is done with.

    It shuts a line down and closes it in one `try`. When the peer was quicker, shutting down fails, closing is passed
    over, and the socket waits for the garbage collector.
    """
    from pynetdicom.transport import AssociationSocket  # noqa: PLC0415

    AssociationSocket._shutdown_socket = _hang_up  # type: ignore[method-assign, assignment] # noqa: SLF001


def _hang_up(line: object) -> None:
    opened: socket.socket | None = getattr(line, "socket", None)
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
        opened.close()
