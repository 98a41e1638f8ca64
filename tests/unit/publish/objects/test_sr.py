"""What the structured report says of one knee."""

import numpy as np

from koa_worker.publish.objects import codes, sr
from koa_worker.publish.objects.result import KneeResult
from koa_worker.values import Box, KneeRoi, Side
from tests import make

BLANK = np.zeros((4, 4), np.uint8)


def measured(agreement: float | None) -> set[str]:
    knee = KneeResult(KneeRoi(Box(0, 0, 9, 9), Side.LEFT), make.grade(2, agreement=agreement), BLANK, BLANK)
    return {measurement.name.value for measurement in sr._measurements(knee)}


def test_agreement_is_given_only_where_there_were_several_predictions() -> None:
    assert measured(0.75) - measured(None) == {codes.AGREEMENT.value}
