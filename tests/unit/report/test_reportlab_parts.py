"""What replaces slow parts of the PDF library gives what those gave."""

from io import BytesIO

import cv2
import numpy as np
import pypdf
import pytest
from reportlab.pdfgen.canvas import Canvas

from koa_worker.report.picture import Picture, encode_crop
from koa_worker.report.sheet import Rect, Sheet
from koa_worker.system.own_mark import write_words

GRAY = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64).astype(np.uint8)


def drawn(*pictures: Picture) -> pypdf.PageObject:
    stream = BytesIO()
    canvas = Canvas(stream, pageCompression=1)
    sheet = Sheet(canvas, (200.0, 200.0))
    for picture in pictures:
        sheet.picture(Rect(10, 10, 64, 48), picture)
    canvas.save()
    return pypdf.PdfReader(stream, strict=True).pages[0]


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("colours", [1, 3])
def test_a_picture_has_the_size_and_the_colours_of_its_jpeg(colours: int, progressive: int) -> None:
    pixels = GRAY if colours == 1 else np.dstack([GRAY] * 3)
    jpeg = write_words(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes())
    (found,) = drawn(Picture(jpeg)).images
    assert found.image is not None
    assert (found.image.size, len(found.image.getbands())) == ((64, 48), colours)


def test_pictures_of_one_page_are_told_apart_without_their_pixels() -> None:
    crops = [np.full((224, 224), shade, np.uint8) for shade in (40, 90, 90)]
    found = drawn(*map(encode_crop, crops)).images
    shades = sorted(round(float(np.asarray(one.image).mean())) for one in found)
    assert shades == [40, 90, 90]
