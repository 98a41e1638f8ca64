"""The transfer syntaxes that the worker reads in a file and takes from a sender."""

from __future__ import annotations

from pydicom import uid

# The order of preference: for each class the receiver takes the first of these that the sender offers.
TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.RLELossless,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.JPEGExtended12Bit,
    uid.JPEGBaseline8Bit,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
NATIVE = frozenset(syntax for syntax in TRANSFER_SYNTAXES if not syntax.is_encapsulated)
