"""Tells the PACS by IHE's rejection note (RAD-66, a Key Object Selection) which results were replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage

from koa_worker.publish.objects import base, codes, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.result import Replaced, ResultKind
from koa_worker.publish.objects.sr import observer
from koa_worker.values import GradedBy


def build(
    original: Original, rejected: Sequence[Replaced], graded_by: GradedBy, *, revision: int, made_at: datetime
) -> Dataset:
    """TID 2010 with the replaced objects; `revision` is that of the report which replaces them."""
    kind = ResultKind.REJECTION_NOTE
    sop_uid = uids.of_rejection_note([one.sop_uid for one in rejected])
    target = base.new_object(kind, KeyObjectSelectionDocumentStorage, sop_uid, original)
    content = hd.ko.KeyObjectSelection(
        document_title=codes.REJECTED,
        referenced_objects=[_referenced(one) for one in rejected],
        observer_device_context=observer(graded_by),
        description=f"Replaced by the results of revision {revision}.",
    )
    for element in content[0]:
        target.add(element)
    target.ReferencedPerformedProcedureStepSequence = []
    target.CurrentRequestedProcedureEvidenceSequence = base.place_of(rejected)
    base.finish(target, kind, original, graded_by, number=revision, made_at=made_at)
    return target


def _referenced(one: Replaced) -> Dataset:
    """The reference in the form that highdicom needs: it takes an object with rows and columns for an image."""
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = one.sop_class_uid, one.sop_uid
    if one.sop_class_uid == SecondaryCaptureImageStorage:
        item.Rows = item.Columns = 1
    return item
