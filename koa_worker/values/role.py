"""What a user of the page may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of users of the page; each role includes the rights of those before it."""

    VIEW = "view"  # sees results without patient data
    READ = "read"  # sees patient data, uploads files, stores readings
    ADMIN = "admin"  # sees users and audit log

    def may(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)
