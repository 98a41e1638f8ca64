"""Reads an original for the viewer: all of its gray values, and the window that it begins with."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.config import Limits
from koa_worker.read.display.present import whole_range
from koa_worker.read.layout import layout_of
from koa_worker.read.parse import parse
from koa_worker.read.pixels import check_syntax, decode, is_lossy
from koa_worker.read.raster import read_raster
from koa_worker.read.sniff import format_of
from koa_worker.read.whole_file import load
from koa_worker.values import Arrival, GrayImage

FULL_RANGE = (0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """An image with its whole range of gray values: bright is dense, on the stored pixel grid."""

    pixels: GrayImage
    window: tuple[float, float]  # what is black and what is white at first, as shares of all possible grays


def read_film(arrival: Arrival, limits: Limits) -> Film:
    """The image of a file that was graded before; the quality gate is not applied again."""
    data = load(arrival, limits)
    kind = format_of(data)
    if kind != "DICOM":
        return Film(read_raster(data, kind, arrival.sha256, limits).pixels, FULL_RANGE)
    parsed = parse(data, limits.max_file_mb * 1_000_000)
    check_syntax(parsed.syntax)
    layout = layout_of(parsed.dataset, limits.max_megapixels)
    codes = decode(parsed, layout, limits.max_megapixels)
    presentation, window = whole_range(codes, layout, parsed.dataset, lossy=is_lossy(parsed.syntax))
    return Film(presentation.apply(codes), window)
