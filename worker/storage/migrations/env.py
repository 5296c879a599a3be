"""Alembic's entry: runs the migrations on the connection it is given."""

from alembic import context
from sqlmodel import SQLModel

import worker.storage.tables  # noqa: F401 - importing the tables registers them

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
