"""Sends objects to one PACS by C-STORE, and gives the PACS's answer for each object."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Generator, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, SecondaryCaptureImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from koa_worker.config import DestinationSettings
from koa_worker.publish.answers import DeliveryAnswer, Parcel, Receipt, Unreachable, answer_of, gone
from koa_worker.publish.tls import of_destination, words_of
from koa_worker.publish.written import data_set_for
from koa_worker.system.dicom_associations import leave, line_of, set_up_pynetdicom
from koa_worker.system.dicom_libraries import set_up_pydicom

set_up_pydicom()
set_up_pynetdicom()


_NOT_ACCEPTED = "storage class not accepted"


class _NothingAcceptedError(Exception):
    """The PACS accepts the association, but none of the storage classes that it was offered."""


def send(destination: DestinationSettings, parcels: Sequence[Parcel]) -> Generator[Receipt, None, None]:
    """Sends over one association and yields a receipt for each object at once. Raises `Unreachable` if it breaks."""
    try:
        association = _associate(destination, {parcel.sop_class_uid for parcel in parcels})
    except _NothingAcceptedError:
        yield from (Receipt(parcel, DeliveryAnswer.REFUSED, _NOT_ACCEPTED) for parcel in parcels)
        return
    try:
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        for parcel in parcels:
            if parcel.sop_class_uid in accepted:
                yield _send_one(association, destination, parcel)
            else:
                yield Receipt(parcel, DeliveryAnswer.REFUSED, _NOT_ACCEPTED)
        association.release()
    finally:
        if association.is_established:  # a peer that did not answer will not answer a release either
            association.abort()
        leave(association)


def echo(destination: DestinationSettings) -> None:
    """Asks whether the PACS answers and accepts our AE title (C-ECHO). Raises `Unreachable` if not."""
    try:
        association = _associate(destination, {Verification})
    except _NothingAcceptedError as fault:
        raise Unreachable("it accepts the association and no C-ECHO") from fault
    try:
        status = association.send_c_echo()
        if "Status" not in status:
            raise Unreachable("no answer to C-ECHO")
        if int(status.Status):
            raise Unreachable(f"C-ECHO status {int(status.Status):04X}")
        association.release()
    finally:
        if association.is_established:
            association.abort()
        leave(association)


def _associate(destination: DestinationSettings, sop_class_uids: Collection[str]) -> Association:
    application = AE(destination.calling_ae_title)
    application.acse_timeout = application.dimse_timeout = destination.timeout_seconds
    application.connection_timeout = application.network_timeout = destination.timeout_seconds
    for sop_class_uid in sorted(sop_class_uids):
        application.add_requested_context(sop_class_uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        if sop_class_uid == SecondaryCaptureImageStorage:  # a context of its own: else a peer chooses one of both
            application.add_requested_context(sop_class_uid, [JPEGBaseline8Bit])
    try:
        tls = of_destination(destination)
        association = application.associate(
            destination.host,
            destination.port,
            ae_title=destination.ae_title,
            tls_args=(tls, destination.host) if tls else None,
        )
    except OSError as fault:  # unknown host, or our own certificates cannot be read
        raise Unreachable(words_of(fault)) from fault
    if not association.is_established:
        leave(association)
        if association.rejected_contexts:  # the library ends an association in which nothing was accepted
            raise _NothingAcceptedError
        raise Unreachable(_rejection(association) if association.is_rejected else _what_is_wrong(destination, tls))
    # A peer that stops in the middle of a message must not block us without a timeout.
    line = line_of(association)
    if line is not None:
        line.settimeout(destination.timeout_seconds)
    return association


def _rejection(association: Association) -> str:
    """The rejection with the reason that the PACS gave, for example that it does not know our AE title."""
    try:
        reason = association.acceptor.primitive.reason_str  # type: ignore[union-attr]
    except (AttributeError, KeyError, ValueError):  # none, or a number that the standard does not have
        return "association rejected"
    return f"association rejected: {reason.lower()}"


def _what_is_wrong(destination: DestinationSettings, tls: ssl.SSLContext | None) -> str:
    """The reason why there is no association. The library does not say it, so a plain connection is tried."""
    place = (destination.host, destination.port)
    try:
        with socket.create_connection(place, destination.timeout_seconds) as line:
            if tls is not None:
                with tls.wrap_socket(line, server_hostname=destination.host):
                    pass
    except OSError as fault:
        return words_of(fault)
    return "it takes the connection and does not answer"


def _send_one(association: Association, destination: DestinationSettings, parcel: Parcel) -> Receipt:
    if (missing := gone(parcel)) is not None:
        return missing
    status = association.send_c_store(_as_accepted(data_set_for(destination, parcel.path), association))
    if "Status" not in status:
        raise Unreachable("no answer")
    code = int(status.Status)
    return Receipt(parcel, answer_of(code), f"status {code:04X}")


def _as_accepted(target: Dataset, association: Association) -> Dataset:
    """The object as it is, or decompressed for a PACS that does not accept its compression."""
    syntax = target.file_meta.TransferSyntaxUID
    taken = {
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == target.SOPClassUID
    }
    if syntax.is_compressed and syntax not in taken:
        target.decompress(generate_instance_uid=False)
    return target
