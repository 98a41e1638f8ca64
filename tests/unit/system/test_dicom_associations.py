"""A line that is left is closed at once, however the peer behaved."""

import socket
import threading

from pynetdicom import AE

from koa_worker.system.dicom_associations import leave, set_up_pynetdicom


def test_the_line_to_a_peer_that_speaks_something_else_is_closed() -> None:
    set_up_pynetdicom()
    application = AE("HERE")
    application.add_requested_context("1.2.840.10008.1.1")
    with socket.create_server(("127.0.0.1", 0)) as babbler:

        def babble() -> None:
            line, _ = babbler.accept()
            with line:
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)

        thread = threading.Thread(target=babble)
        thread.start()
        association = application.associate("127.0.0.1", babbler.getsockname()[1])
        opened = association.dul.socket.socket if association.dul.socket else None
        leave(association)
        thread.join()
    assert not association.is_established
    assert not association.dul.is_alive()
    assert opened is None or opened.fileno() == -1
