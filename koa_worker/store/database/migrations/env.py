"""Alembic's entry: it migrates the connection that it is given."""

from alembic import context

from koa_worker.store.database.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can alter little in place: a changed table is copied
)
with context.begin_transaction():
    context.run_migrations()
