"""The report as Encapsulated PDF Storage (PS3.3 A.45.1), byte for byte the file in the reports folder."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from koa_worker.publish.objects import base, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.result import Document, Replaced, ResultKind


def build(original: Original, document: Document, replaces: Replaced | None) -> Dataset:
    """The PDF in the study of `original`, which is any image of that study and patient; it names its predecessor."""
    target = base.new_object(
        ResultKind.PDF, EncapsulatedPDFStorage, uids.of_document(original.study_uid, document), original
    )
    target.ConversionType = "WSD"
    target.BurnedInAnnotation = "YES"  # a report names the patient
    target.DocumentTitle = f"Knee osteoarthritis report, revision {document.revision}, research use only"
    target.ConceptNameCodeSequence = []
    target.AcquisitionDateTime = ""
    target.SourceInstanceSequence = [base.reference(original)]
    target.MIMETypeOfEncapsulatedDocument = "application/pdf"
    # A value has an even length; this is the number of bytes that belong to the document (C.24.2).
    target.EncapsulatedDocumentLength = len(document.pdf)
    target.EncapsulatedDocument = document.pdf + b"\0" * (len(document.pdf) % 2)
    base.name_predecessor(target, replaces)
    base.finish(
        target,
        ResultKind.PDF,
        original,
        document.graded_by,
        number=document.revision,
        made_at=document.made_at,
        revision=document.revision,
    )
    return target
