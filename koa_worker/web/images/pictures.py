"""The images of a study, each with its own URL."""

from __future__ import annotations

import cv2
import numpy as np
from flask import Blueprint, Response, abort
from numpy.typing import NDArray
from werkzeug.wsgi import FileWrapper

from koa_worker.knee.grading.explain import CLEAR_BELOW, COLDEST, COLORS, FULL_ABOVE, HOTTEST
from koa_worker.system.own_mark import marked, write_words
from koa_worker.values import Heatmap, Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import not_before_reading
from koa_worker.web.images import originals

pages = Blueprint("pictures", __name__, url_prefix="/studies/<key>/files/<file_id>")

_PIECE = 1 << 18  # bytes
EDGE = 448  # pixels, twice the input size of the model


@pages.get("/frame.jpg")
@needs(Role.READ)  # a name may be burnt into the whole frame, but not into a crop of the joint
def frame(key: str, file_id: str) -> Response:
    found = context().store.study_history.frame_jpeg(key, file_id)
    if found:
        note("image", key, file_id)
    return _answer(marked(found) if found else None, "image/jpeg")


@pages.get("/film")
@needs(Role.READ)  # as for the frame
def film(key: str, file_id: str) -> Response:
    """The gray values of the original, 8 or 16 bits a pixel, row by row; the size is that of the stored image."""
    decoded = originals.film_of(key, file_id)
    note("film", key, file_id)
    answer = Response(FileWrapper(decoded.stream, _PIECE), mimetype="application/octet-stream")
    answer.call_on_close(decoded.stream.close)
    answer.content_length = decoded.size
    answer.headers["Koa-Size"] = f"{decoded.columns} {decoded.rows}"
    answer.headers["Koa-Window"] = "{:.6f} {:.6f}".format(*decoded.window)
    return answer


@pages.get("/knees/<int:position>/crop.png")
@needs(Role.VIEW)
def crop(key: str, file_id: str, position: int) -> Response:
    found = context().store.study_history.crop_png(key, file_id, position)
    return _answer(marked(found) if found else None, "image/png")


@pages.get("/knees/<int:position>/heat.png")
@needs(Role.VIEW)
@not_before_reading
def heat(key: str, file_id: str, position: int) -> Response:
    found = context().store.study_history.heatmap(key, file_id, position)
    return _answer(heat_png(found) if found else None, "image/png")


def heat_png(heat: Heatmap) -> bytes:
    """The heatmap in the colours of the report, transparent where it is cold, as an overlay for the crop."""
    warmth = np.clip(cv2.resize(heat.values, (EDGE, EDGE), interpolation=cv2.INTER_CUBIC), 0, 1)
    steps = (COLDEST + warmth * (HOTTEST - COLDEST)).astype(np.uint8)
    cover = 255 * np.clip((warmth - CLEAR_BELOW) / (FULL_ABOVE - CLEAR_BELOW), 0, 1)
    picture: NDArray[np.uint8] = np.dstack([cv2.applyColorMap(steps, COLORS), cover.astype(np.uint8)])
    return write_words(cv2.imencode(".png", picture)[1].tobytes())


def _answer(data: bytes | None, kind: str) -> Response:
    if data is None:
        abort(404)
    return Response(data, mimetype=kind)
