"""Users, the browsers they logged in with, and the tokens of their scripts. Secrets come here as hashes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from koa_worker.store.page.tables import Login, Token, User
from koa_worker.store.records import TokenRecord, UserRecord
from koa_worker.values import Role


def has_users(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(User.removed_at.is_(None)))))


def users(session: Session) -> tuple[UserRecord, ...]:
    return tuple(map(_record, session.scalars(select(User).where(User.removed_at.is_(None)).order_by(User.name))))


def find_user(session: Session, name: str) -> UserRecord | None:
    user = _present(session, name)
    return _record(user) if user else None


def add_user(session: Session, name: str, role: Role, password: str, at: datetime) -> bool:
    """False when there is one of that name."""
    if _present(session, name):
        return False
    session.add(User(name=name, role=role, password=password, created_at=at))
    return True


def remove_user(session: Session, name: str, at: datetime) -> bool:
    """Nobody logs in by that name any more, and whoever did is out."""
    user = _present(session, name)
    if user is None:
        return False
    user.removed_at = at
    _let_go(session, user)
    return True


def change_password(session: Session, name: str, password: str) -> bool:
    """Whoever knew the former one is out: browsers and scripts."""
    user = _present(session, name)
    if user is None:
        return False
    user.password = password
    _let_go(session, user)
    return True


def log_in(session: Session, name: str, secret_hash: str, now: datetime, until: datetime) -> bool:
    """Keeps the browser's secret; sweeps those of former days away."""
    user = _present(session, name)
    if user is None:
        return False
    session.execute(delete(Login).where(Login.until <= now))
    session.add(Login(secret_hash=secret_hash, user_id=user.id, since=now, until=until))
    return True


def logged_in(session: Session, secret_hash: str, now: datetime) -> UserRecord | None:
    """Whose browser it is."""
    login = session.get(Login, secret_hash)
    user = session.get(User, login.user_id) if login is not None and login.until > now else None
    return _record(user) if user and user.removed_at is None else None


def log_out(session: Session, secret_hash: str) -> None:
    session.execute(delete(Login).where(Login.secret_hash == secret_hash))


def log_out_everywhere(session: Session, name: str) -> None:
    user = _present(session, name)
    if user is not None:
        session.execute(delete(Login).where(Login.user_id == user.id))


def add_token(
    session: Session, name: str, purpose: str, secret_hash: str, *, at: datetime, until: datetime | None
) -> bool:
    user = _present(session, name)
    if user is None:
        return False
    session.add(Token(secret_hash=secret_hash, user_id=user.id, purpose=purpose, since=at, until=until))
    return True


def shown_token(session: Session, secret_hash: str, now: datetime) -> UserRecord | None:
    """Whose script it is."""
    valid = (Token.secret_hash == secret_hash, or_(Token.until.is_(None), Token.until > now))
    user = session.scalars(select(User).join(Token, Token.user_id == User.id).where(*valid)).first()
    return _record(user) if user else None


def tokens(session: Session, name: str) -> tuple[TokenRecord, ...]:
    rows = session.scalars(
        select(Token).join(User, User.id == Token.user_id).where(_is_present(name)).order_by(Token.id)
    )
    return tuple(TokenRecord(row.id, row.purpose, row.since, row.until) for row in rows)


def remove_token(session: Session, name: str, token_id: int) -> bool:
    user = _present(session, name)
    token = session.get(Token, token_id)
    if user is None or token is None or token.user_id != user.id:
        return False
    session.delete(token)
    return True


def _is_present(name: str) -> ColumnElement[bool]:
    return (User.name == name) & User.removed_at.is_(None)


def _present(session: Session, name: str) -> User | None:
    return session.scalars(select(User).where(_is_present(name))).first()


def _let_go(session: Session, user: User) -> None:
    session.execute(delete(Login).where(Login.user_id == user.id))
    session.execute(delete(Token).where(Token.user_id == user.id))


def _record(user: User) -> UserRecord:
    return UserRecord(user.name, user.role, user.password, user.created_at)
