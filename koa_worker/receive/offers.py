"""The presentation contexts that the receiver accepts: storage classes of radiographs, in all supported syntaxes."""

from __future__ import annotations

from pydicom import uid

from koa_worker.system.transfer_syntaxes import TRANSFER_SYNTAXES

__all__ = ["PASSED_OVER", "PLAIN_SYNTAXES", "STORAGE_CLASSES", "TRANSFER_SYNTAXES", "VERIFICATION"]

STORAGE_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
# Other objects of a study, which are not images. A sender that offers a whole study often sends nothing if one class is
# refused. So these are accepted, acknowledged with a warning, and not stored.
PASSED_OVER = (
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.ExtensibleSRStorage,
    uid.ProcedureLogStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.PatientRadiationDoseSRStorage,
    uid.EnhancedXRayRadiationDoseSRStorage,
    uid.ChestCADSRStorage,
    uid.MammographyCADSRStorage,
    uid.SimplifiedAdultEchoSRStorage,
    uid.AcquisitionContextSRStorage,
    uid.PerformedImagingAgentAdministrationSRStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.ColorSoftcopyPresentationStateStorage,
    uid.PseudoColorSoftcopyPresentationStateStorage,
    uid.BlendingSoftcopyPresentationStateStorage,
    uid.AdvancedBlendingPresentationStateStorage,
    uid.BasicStructuredDisplayStorage,
    uid.EncapsulatedPDFStorage,
    uid.EncapsulatedCDAStorage,
    uid.EncapsulatedSTLStorage,
    uid.SegmentationStorage,
    uid.RealWorldValueMappingStorage,
    uid.RawDataStorage,
)
# For objects that are not images. The library copies this list for each connection, so it is short.
PLAIN_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
)
VERIFICATION = uid.UID("1.2.840.10008.1.1")
