"""Sums of single days for the watch over weeks. All days that there are have still to be counted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

DEVICE = ("manufacturer", "model", "institution")
SIGNALS = ("grade", "strangeness", "exposure")
SUMS: tuple[tuple[str, Any], ...] = (("count", sa.Integer()), ("total", sa.Double()), ("squares", sa.Double()))


def upgrade() -> None:
    _table("watch_changed")
    _table(
        "watch_studies",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("model_digest", "site", *DEVICE)),
        *(sa.Column(f"{signal}_{name}", kind, nullable=False) for signal in SIGNALS for name, kind in SUMS),
        *(sa.Column(f"kl{kl}", sa.Integer(), nullable=False) for kl in range(5)),
    )
    _table(
        "watch_files",
        *(sa.Column(name, sa.String(), nullable=False) for name in DEVICE),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("files", "refused")),
    )
    op.execute("INSERT INTO watch_changed (day) SELECT DISTINCT day FROM worklist_lines WHERE day IS NOT NULL")


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_day"), name, ["day"], unique=False)
