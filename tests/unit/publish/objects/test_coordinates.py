"""Where results lie in the image, as DICOM counts pixels."""

from __future__ import annotations

from koa_worker.publish.objects import coordinates
from koa_worker.values import Box, Compartment, CompartmentName, Points, Spacing, SpacingSource

FEMORAL: Points = ((10.0, 20.0), (20.0, 24.0), (30.0, 20.0))
TIBIAL: Points = ((10.0, 40.0), (20.0, 30.0), (30.0, 40.0))


def compartment(femoral: Points, tibial: Points) -> Compartment:
    return Compartment(CompartmentName.MEDIAL, True, 0.1, 0.2, 1.0, 2.0, femoral, tibial)


def test_a_box_over_the_edge_ends_at_the_edge() -> None:
    corners = coordinates.outline(Box(-5, 90, 50, 20), 100, 40).tolist()
    assert corners == [[0, 90], [40, 90], [40, 100], [0, 100], [0, 90]]


def test_the_narrowest_place_has_a_point_of_each_bone() -> None:
    assert coordinates.narrowest(compartment(FEMORAL, TIBIAL), None, 100, 100).tolist() == [[20.5, 24.5], [20.5, 30.5]]


def test_the_narrowest_place_is_so_in_millimetres() -> None:
    """Pixels that are ten times as high as wide make a point aside the nearest one."""
    tibial: Points = ((0.0, 24.0), (20.0, 30.0))
    tall = Spacing(1.0, 0.1, SpacingSource.DETECTOR)
    found = coordinates.narrowest(compartment(((10.0, 20.0), (20.0, 24.0)), tibial), tall, 100, 100)
    assert found.tolist() == [[20.5, 24.5], [0.5, 24.5]]


def test_margins_that_cross_are_narrowest_where_they_do() -> None:
    crossed: Points = ((10.0, 40.0), (20.0, 22.0), (30.0, 40.0))
    found = coordinates.narrowest(compartment(FEMORAL, crossed), None, 100, 100).tolist()
    assert found == [[20.5, 24.5], [20.5, 22.5]]
