"""The presentation contexts that the receiver accepts: storage classes of radiographs, in all supported syntaxes."""

from __future__ import annotations

from pydicom import uid

from koa_worker.system.transfer_syntaxes import TRANSFER_SYNTAXES

__all__ = ["STORAGE_CLASSES", "TRANSFER_SYNTAXES", "VERIFICATION"]

STORAGE_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
VERIFICATION = uid.UID("1.2.840.10008.1.1")
