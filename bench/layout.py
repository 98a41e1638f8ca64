"""The arrangement of a package: `python -m bench.layout [PACKAGE]` counts rooms, floors, arrows and the largest folder.

A room is a module or package directly below the package; an arrow is an import between two rooms. The floor of a room
is its layer: one above the highest floor that it imports from. A circle of rooms has no floor and is printed.
"""

from __future__ import annotations

import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter

import grimp


def arrows_between_rooms(package: str) -> dict[str, set[str]]:
    """The rooms that each room imports from."""
    graph = grimp.build_graph(package.partition(".")[0])
    rooms = graph.find_children(package)
    return {
        room: {
            other
            for other in rooms - {room}
            if graph.direct_import_exists(importer=room, imported=other, as_packages=True)
        }
        for room in rooms
    }


def floors_of(arrows: dict[str, set[str]]) -> dict[str, int]:
    floors: dict[str, int] = {}
    for room in TopologicalSorter(arrows).static_order():
        floors[room] = 1 + max((floors[other] for other in arrows[room]), default=0)
    return floors


def fullest_folder(package: str) -> tuple[str, int]:
    modules = grimp.build_graph(package.partition(".")[0]).modules
    inside = (name for name in modules if name.startswith(f"{package}.") and "versions" not in name)
    return Counter(name.rpartition(".")[0] for name in inside).most_common(1)[0]


def main(package: str) -> None:
    arrows = arrows_between_rooms(package)
    try:
        floors = max(floors_of(arrows).values())
    except CycleError as fault:
        print(f"a circle of rooms: {' → '.join(fault.args[1])}")
        sys.exit(1)
    folder, count = fullest_folder(package)
    print(f"{package}: {len(arrows)} rooms, {floors} floors, {sum(map(len, arrows.values()))} arrows, no circle")
    print(f"fullest folder: {folder} with {count} modules and packages")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["koa_worker"])
