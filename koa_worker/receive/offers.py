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
# What lies beside radiographs in a study and is no image. A sender that offers a whole study often gives all of it up
# when one class is refused, so these are accepted, acknowledged with a warning, and not kept.
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
# Of what is no image. The library copies all of this for each connection, so it is kept short.
PLAIN_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
)
VERIFICATION = uid.UID("1.2.840.10008.1.1")
