"""The order of a study's images, and their numbers.

Images are shown in the order in which they were taken. A number is given when a report first shows the image, and
stays: an image that comes later gets the next number, even if it was taken before the others.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import FileRow, ImageRow, ReportRow, table_of

_images, _files, _reports = map(table_of, (ImageRow, FileRow, ReportRow))
_OF_STUDY = _images.c.study_key == bindparam("study_key")
_numbered = _images.alias()
_HIGHEST = select(func.max(_numbered.c.number)).where(_numbered.c.study_key == _images.c.study_key)
_WITHOUT_NUMBER = (
    select(_images, _files.c.arrived_at, _HIGHEST.scalar_subquery().label("highest"))
    .join(_files, _files.c.id == _images.c.file_id)
    .where(_OF_STUDY, _images.c.number.is_(None))
)
# Most reports show one image more than the last one: then it gets the next number in one statement.
_WITHOUT, _ONLY = _images.alias(), _images.c.study_key == bindparam("of_study")
_NUMBER_OF_WITHOUT = select(func.count()).where(
    _WITHOUT.c.study_key == bindparam("of_study"), _WITHOUT.c.number.is_(None)
)
_GIVE_ONE = (
    update(_images)
    .where(_ONLY, _images.c.number.is_(None), _NUMBER_OF_WITHOUT.scalar_subquery() == 1)
    .values(number=func.coalesce(_HIGHEST.scalar_subquery(), 0) + 1)
)
_TAKE_BACK = (
    update(_images)
    .where(_images.c.study_key == bindparam("of_study"))
    .where(~exists().where(_reports.c.study_key == _images.c.study_key))
    .values(number=None)
)
_GIVE = update(_images).where(_images.c.file_id == bindparam("of_file"))


def as_taken(image: Row[Any]) -> tuple[object, ...]:
    """Sorts by acquisition time, content time, instance number and arrival; what a file does not give comes last."""
    given = (image.acquired_at or image.content_at, image.content_at, image.instance_number)
    return (*((value is None, value) for value in given), image.arrived_at, image.file_id)


def number_images(session: Session, study_key: str) -> None:
    """Gives the images of a study that have no number the next ones, in the order in which they were taken."""
    connection = session.connection()
    if connection.execute(_GIVE_ONE, {"of_study": study_key}).rowcount:
        return
    images = sorted(connection.execute(_WITHOUT_NUMBER, {"study_key": study_key}), key=as_taken)
    if images:
        first = (images[0].highest or 0) + 1
        numbers = [{"of_file": image.file_id, "number": number} for number, image in enumerate(images, start=first)]
        connection.execute(_GIVE, numbers)


def take_numbers_back(session: Session, study_key: str) -> None:
    """Removes the numbers of a study whose report was not begun after all."""
    session.connection().execute(_TAKE_BACK, {"of_study": study_key})
