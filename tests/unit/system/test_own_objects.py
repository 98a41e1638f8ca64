"""Objects of this program are recognised only by the attributes of their maker."""

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from koa_worker.publish.objects import uids
from koa_worker.system.own_objects import IMPLEMENTATION_UID, is_own


def object_of(manufacturer: str, model: str = "", **rest: object) -> Dataset:
    made = Dataset()
    made.Manufacturer, made.ManufacturerModelName = manufacturer, model
    for keyword, value in rest.items():
        setattr(made, keyword, value)
    return made


def equipment(manufacturer: str) -> Dataset:
    item = Dataset()
    item.Manufacturer = manufacturer
    return item


OURS = {
    "maker": object_of("koa-worker", "koa-worker"),
    "maker in other letters": object_of("KOA-Worker "),
    "contributor": object_of("Gateway", ContributingEquipmentSequence=[equipment("X"), equipment("koa-worker")]),
    "writer": object_of("", ImplementationClassUID=IMPLEMENTATION_UID),
    "contributor to one that calls itself a drawing": object_of(
        "koa-worker", "synthetic", ContributingEquipmentSequence=[equipment("koa-worker")]
    ),
}
OTHERS = {
    "derived": object_of("Agfa", "DX-D", ImageType=["DERIVED", "SECONDARY", "OTHER"]),
    "a film of the demo": object_of("koa-worker", "synthetic"),
    "nothing said": Dataset(),
    "another contributor": object_of("Agfa", ContributingEquipmentSequence=[equipment("Orthanc")]),
    "no sequence": object_of("Agfa", "koa-worker viewer"),
}


@pytest.mark.parametrize("which", OURS)
def test_ours(which: str) -> None:
    assert is_own(OURS[which])


@pytest.mark.parametrize("which", OTHERS)
def test_of_others(which: str) -> None:
    assert not is_own(OTHERS[which])


def test_a_maker_that_cannot_be_read_is_nobody() -> None:
    hostile = Dataset()
    hostile[0x0018A001] = DataElement(0x0018A001, "OB", b"\xff" * 7)
    hostile.add_new("Manufacturer", "OB", b"koa-worker")
    assert not is_own(hostile)


def test_the_uid_is_the_one_that_was_always_written() -> None:
    assert uids.derive("implementation") == IMPLEMENTATION_UID
