"""What a user of the page may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of users of the page; each role includes the rights of those before it."""

    VIEW = "view"  # see results without patient data
    READ = "read"  # see patient data, upload files, store readings
    ADMIN = "admin"  # see users and audit log

    def may(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)
