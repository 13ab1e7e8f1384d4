"""Leases of processes, handles of what a service still makes, keys of requests, and the bytes of each row."""

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = None  # earlier forms are in `forms.py`


def upgrade() -> None:
    """Changes a SQLite file of form 6."""
    op.create_table(
        "process",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_table(
        "origin",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "begun",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("what", sa.Text),
    )
    for table in ("message", "version", "upload"):
        op.add_column(table, sa.Column("size", sa.BigInteger, nullable=False, server_default="0"))
        op.create_index(f"{table}_size", table, ["size"])
    op.add_column("version", sa.Column("handle", sa.Text))
    op.execute("UPDATE message SET size = length(asked)")
    op.execute(
        "UPDATE version SET size = length(content)"
        " + iif(json_valid(content), coalesce(json_extract(content, '$.picture.size'), 0), 0)"
    )
    op.execute("UPDATE upload SET size = coalesce(json_extract(content, '$.size'), 0)")
