"""Reasons to look at a knee become codes with their numbers, instead of sentences.

The sentences are those that the program wrote so far. Any other is kept as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GRADES = sa.table(
    "grades",
    sa.column("id", sa.BigInteger()),
    sa.column("needs_review", sa.Boolean()),
    sa.column("review_reasons", sa.JSON()),
)
BATCH = 1000


def _share(percent: str) -> float:
    return int(percent) / 100


# A code, the sentence that stood for it, and how its numbers are read.
SENTENCES: tuple[tuple[str, str, Callable[[str], float]], ...] = (
    ("other_knee_not_found", r"The other knee was not found in the picture\.", float),
    ("not_checked", r"This model release cannot tell a knee from other pictures: see that it is one\.", float),
    ("unusual", r"The picture looks unlike the knees that the net was trained on\.", float),
    ("cut_off", r"The edge of the picture cuts off (?P<value>\d+)% of the joint's width\.", _share),
    ("turned", r"The picture was turned by (?P<value>\d+)° anticlockwise to stand upright\.", float),
    ("low_confidence", r"The confidence, (?P<value>\d+)%, is below (?P<limit>\d+)%\.", _share),
    ("low_agreement", r"Only (?P<value>\d+) of (?P<limit>\d+) looks at the knee give this grade\.", float),
    (
        "disagreement",
        r"Looks at the knee differ by two grades or more \(KL (?P<value>\d) to KL (?P<limit>\d)\)\.",
        float,
    ),
    (
        "borderline",
        r"Borderline between KL 1 and KL 2: the probability of KL 2 or more is (?P<value>\d+)%\.",
        _share,
    ),
)


def upgrade() -> None:
    """By the primary key and in parts, so that an archive of millions needs no more memory than a small one."""
    connection, last = op.get_bind(), -1
    to_code = GRADES.update().where(GRADES.c.id == sa.bindparam("of_grade")).values(review_reasons=sa.bindparam("said"))
    flagged = sa.select(GRADES.c.id, GRADES.c.review_reasons).where(GRADES.c.needs_review).order_by(GRADES.c.id)
    while rows := connection.execute(flagged.where(GRADES.c.id > last).limit(BATCH)).all():
        said = [{"of_grade": grade_id, "said": [_reason(one) for one in reasons]} for grade_id, reasons in rows]
        connection.execute(to_code, said)
        last = rows[-1].id


def _reason(sentence: str) -> dict[str, Any]:
    for code, pattern, number in SENTENCES:
        if found := re.fullmatch(pattern, sentence):
            return {"code": code, **{name: number(digits) for name, digits in found.groupdict().items()}}
    return {"code": "other", "text": sentence}
