"""What Alembic runs: the scripts in `versions/`, in a transaction that has begun already."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
