"""The TLS certificates of a destination, and the text of an error with them."""

from __future__ import annotations

import ssl

from koa_worker.config import DestinationSettings


def of_destination(destination: DestinationSettings) -> ssl.SSLContext | None:
    """The TLS context; None without `tls_authority`, which must have signed the destination's certificate."""
    if not destination.tls_authority:
        return None
    context = ssl.create_default_context(cafile=destination.tls_authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if destination.tls_certificate:
        context.load_cert_chain(destination.tls_certificate, destination.tls_key or None)
    return context


def words_of(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"certificate is not accepted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"TLS: {fault.reason}"
    return fault.strerror or type(fault).__name__
