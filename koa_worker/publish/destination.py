"""Sends objects to one PACS by C-STORE and says of each whether the PACS acknowledged it."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.filereader import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from koa_worker.config import Destination

# PS3.4 B.2.3: stored, or stored with a remark (coercion, elements left out, class not matched).
_ACKNOWLEDGED = frozenset({0x0000, 0xB000, 0xB006, 0xB007})
_OUT_OF_RESOURCES = range(0xA700, 0xA800)


class Unreachable(Exception):
    """The PACS did not answer, or would not talk to us: nothing is wrong with the object."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An object on its way."""

    id: int
    sop_class_uid: str
    path: Path


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the PACS said of an object: None if it acknowledged it, else why it would not take it."""

    parcel: Parcel
    refusal: str | None


def send(destination: Destination, parcels: Sequence[Parcel]) -> Generator[Receipt, None, None]:
    """One association; a receipt for each object as soon as it is known. Raises `Unreachable` where it breaks off."""
    association = _associate(destination, parcels)
    try:
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        for parcel in parcels:
            if parcel.sop_class_uid in accepted:
                yield Receipt(parcel, _send_one(association, parcel))
            else:
                yield Receipt(parcel, "storage class not accepted")
    finally:
        if association.is_established:
            association.release()


def _associate(destination: Destination, parcels: Sequence[Parcel]) -> Association:
    application = AE(destination.calling_ae_title)
    application.acse_timeout = application.dimse_timeout = destination.timeout_seconds
    application.connection_timeout = application.network_timeout = destination.timeout_seconds
    for sop_class_uid in sorted({parcel.sop_class_uid for parcel in parcels}):
        application.add_requested_context(sop_class_uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    _knock(destination)
    tls = _tls(destination)
    association = application.associate(
        destination.host,
        destination.port,
        ae_title=destination.ae_title,
        tls_args=(tls, destination.host) if tls else None,
    )
    if not association.is_established:
        raise Unreachable("association rejected" if association.is_rejected else "no association")
    # A peer that stops in the middle of a message must not keep us for ever.
    line = association.dul.socket.socket if association.dul.socket else None
    if line is not None:
        line.settimeout(destination.timeout_seconds)
    return association


def _knock(destination: Destination) -> None:
    """Whether anybody is there; where nobody is, the library would leave a socket open each time."""
    try:
        socket.create_connection((destination.host, destination.port), destination.timeout_seconds).close()
    except OSError as fault:
        raise Unreachable(fault.strerror or type(fault).__name__) from fault


def _send_one(association: Association, parcel: Parcel) -> str | None:
    """Why it was not taken; None if it was."""
    if not parcel.path.exists():
        return "the object is gone; koa-worker send with the report's name makes it anew"
    # pydicom quotes what it warns of, which may be the patient.
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        status = association.send_c_store(dcmread(parcel.path))
    if "Status" not in status:
        raise Unreachable("no answer")
    code = int(status.Status)
    if code in _OUT_OF_RESOURCES:
        raise Unreachable(f"out of resources, status {code:04X}")
    return None if code in _ACKNOWLEDGED else f"status {code:04X}"


def _tls(destination: Destination) -> ssl.SSLContext | None:
    """With an authority the line is encrypted and the PACS has to prove who it is."""
    if not destination.tls_authority:
        return None
    context = ssl.create_default_context(cafile=destination.tls_authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if destination.tls_certificate:
        context.load_cert_chain(destination.tls_certificate, destination.tls_key or None)
    return context
