"""Device and exposure from a header, as far as it has them."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from koa_worker.read.header.device import details


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, {}),
        ({"Manufacturer": " ACME ", "ManufacturerModelName": "Ray 1"}, {"manufacturer": "ACME", "model": "Ray 1"}),
        ({"DeviationIndex": "-1.5", "ExposureIndex": "400"}, {"exposure": "-1.500"}),
        ({"ExposureIndex": "1000"}, {"exposure": "30.000"}),
        ({"ExposureIndex": "0"}, {}),
        ({"DeviationIndex": ""}, {}),
    ],
)
def test_what_the_header_says(header: dict[str, Any], expected: dict[str, str]) -> None:
    dataset = Dataset()
    for name, value in header.items():
        setattr(dataset, name, value)
    assert details(dataset) == expected
