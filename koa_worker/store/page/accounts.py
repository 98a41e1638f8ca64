"""Users, their sessions and their tokens. Only the hashes of secrets are stored."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from koa_worker.errors import WrongState
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import LoginRow, TokenRow, UserRow
from koa_worker.store.records.users import TokenRecord, UserRecord
from koa_worker.values import Role


class Accounts(StorePart):
    """Users, sessions and tokens."""

    @reads
    def has_users(self, session: Session) -> bool:
        return bool(session.scalar(select(exists().where(UserRow.removed_at.is_(None)))))

    @reads
    def users(self, session: Session) -> tuple[UserRecord, ...]:
        return tuple(
            map(_record, session.scalars(select(UserRow).where(UserRow.removed_at.is_(None)).order_by(UserRow.name)))
        )

    @reads
    def readers(self, session: Session) -> tuple[str, ...]:
        """The names of the users who may read and can log in."""
        present = (
            select(UserRow).where(UserRow.removed_at.is_(None), UserRow.locked_at.is_(None)).order_by(UserRow.name)
        )
        return tuple(user.name for user in session.scalars(present) if user.role.may(Role.READ))

    @reads
    def find_user(self, session: Session, name: str) -> UserRecord | None:
        user = _present(session, name)
        return _record(user) if user else None

    @writes
    def add_user(self, session: Session, name: str, role: Role, password: str) -> bool:
        """Adds a user with the hash of a password; false if the name exists already."""
        if _present(session, name):
            return False
        session.add(UserRow(name=name, role=role, password=password, created_at=self.now()))
        return True

    @writes
    def remove_user(self, session: Session, name: str, *, keep_admin: bool = False) -> bool:
        """Removes a user and ends all sessions and tokens; readings and the audit log keep the name.

        With `keep_admin`, here and below, raises WrongState for the last administrator who can log in.
        """
        user = _present(session, name)
        if user is None:
            return False
        user.removed_at = self.now()
        _require_admin(session, keep_admin=keep_admin)
        _let_go(session, user)
        return True

    @writes
    def change_role(self, session: Session, name: str, role: Role, *, keep_admin: bool = False) -> bool:
        """Gives the user another role, from the next request on."""
        user = _present(session, name)
        if user is None:
            return False
        user.role = role
        _require_admin(session, keep_admin=keep_admin)
        return True

    @writes
    def lock(self, session: Session, name: str, *, keep_admin: bool = False) -> bool:
        """Ends all sessions and tokens of the user, who cannot log in until `unlock`."""
        user = _present(session, name)
        if user is None:
            return False
        user.locked_at = user.locked_at or self.now()
        _require_admin(session, keep_admin=keep_admin)
        _let_go(session, user)
        return True

    @writes
    def unlock(self, session: Session, name: str) -> bool:
        user = _present(session, name)
        if user is None:
            return False
        user.locked_at = None
        return True

    @writes
    def change_password(self, session: Session, name: str, password: str) -> bool:
        """Changes the password, and ends all sessions and tokens of the user."""
        user = _present(session, name)
        if user is None:
            return False
        user.password = password
        _let_go(session, user)
        return True

    @writes
    def log_in(self, session: Session, name: str, secret_hash: str, lasts: timedelta) -> bool:
        """Starts a session that `lasts` for this time; expired sessions are removed."""
        now = self.now()
        user = _present(session, name)
        if user is None or user.locked_at is not None:
            return False
        session.execute(delete(LoginRow).where(LoginRow.until <= now))
        session.add(LoginRow(secret_hash=secret_hash, user_id=user.id, since=now, until=now + lasts))
        return True

    @reads
    def logged_in(self, session: Session, secret_hash: str) -> UserRecord | None:
        """The user of the session with this secret."""
        login = session.get(LoginRow, secret_hash)
        user = session.get(UserRow, login.user_id) if login is not None and login.until > self.now() else None
        return _record(user) if user and user.removed_at is None and user.locked_at is None else None

    @writes
    def log_out(self, session: Session, secret_hash: str) -> None:
        session.execute(delete(LoginRow).where(LoginRow.secret_hash == secret_hash))

    @writes
    def log_out_everywhere(self, session: Session, name: str) -> None:
        user = _present(session, name)
        if user is not None:
            session.execute(delete(LoginRow).where(LoginRow.user_id == user.id))

    @writes
    def add_token(self, session: Session, name: str, purpose: str, secret_hash: str, lasts: timedelta | None) -> bool:
        """Adds a token of the user; false if the name does not exist, or is locked."""
        user = _present(session, name)
        if user is None or user.locked_at is not None:
            return False
        now = self.now()
        until = None if lasts is None else now + lasts
        session.add(TokenRow(secret_hash=secret_hash, user_id=user.id, purpose=purpose, since=now, until=until))
        return True

    @reads
    def shown_token(self, session: Session, secret_hash: str) -> UserRecord | None:
        """The user of this token."""
        valid = (TokenRow.secret_hash == secret_hash, or_(TokenRow.until.is_(None), TokenRow.until > self.now()))
        user = session.scalars(select(UserRow).join(TokenRow, TokenRow.user_id == UserRow.id).where(*valid)).first()
        return _record(user) if user else None

    @reads
    def tokens(self, session: Session, name: str) -> tuple[TokenRecord, ...]:
        rows = session.scalars(
            select(TokenRow)
            .join(UserRow, UserRow.id == TokenRow.user_id)
            .where(_is_present(name))
            .order_by(TokenRow.id)
        )
        return tuple(TokenRecord(row.id, row.purpose, row.since, row.until) for row in rows)

    @writes
    def remove_token(self, session: Session, name: str, token_id: int) -> bool:
        user = _present(session, name)
        token = session.get(TokenRow, token_id)
        if user is None or token is None or token.user_id != user.id:
            return False
        session.delete(token)
        return True


def _is_present(name: str) -> ColumnElement[bool]:
    return (UserRow.name == name) & UserRow.removed_at.is_(None)


def _present(session: Session, name: str) -> UserRow | None:
    return session.scalars(select(UserRow).where(_is_present(name))).first()


def _require_admin(session: Session, *, keep_admin: bool) -> None:
    """Raises WrongState, which undoes the transaction, if no administrator who can log in would remain."""
    session.flush()
    admins = (UserRow.role == Role.ADMIN, UserRow.removed_at.is_(None), UserRow.locked_at.is_(None))
    if keep_admin and not session.scalar(select(exists().where(*admins))):
        raise WrongState("last_admin")


def _let_go(session: Session, user: UserRow) -> None:
    session.execute(delete(LoginRow).where(LoginRow.user_id == user.id))
    session.execute(delete(TokenRow).where(TokenRow.user_id == user.id))


def _record(user: UserRow) -> UserRecord:
    return UserRecord(user.name, user.role, user.password, user.created_at, user.locked_at)
