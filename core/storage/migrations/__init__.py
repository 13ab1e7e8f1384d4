"""Leads a database from the form that it has to today's: empty, or written by an older Limner."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select

from core.storage.migrations.forms import FORMS
from core.storage.tables import alembic_version, metadata

_SCRIPTS = Path(__file__).parent


def latest_form() -> int:
    """Returns the form that this Limner reads and writes."""
    return max(int(path.stem.removeprefix("form_")) for path in (_SCRIPTS / "versions").glob("form_*.py"))


def form_of(connection: Connection) -> int:
    """Returns the form that a database has; 0 if it is empty."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    is_empty = not inspect(connection).has_table(alembic_version.name)
    return 0 if is_empty else int(connection.execute(select(alembic_version)).scalar_one())


def migrate(connection: Connection, to: int | None = None) -> None:
    """Brings a database to a later form, or to the latest; call it inside a transaction that writes."""
    form, latest = form_of(connection), latest_form()
    to = latest if to is None else to
    if form == 0 and to == latest:
        metadata.create_all(connection)
        connection.execute(alembic_version.insert(), {"version_num": str(latest)})
    elif form < to:
        for statement in ";".join(FORMS[form:to]).split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        if to > len(FORMS):
            _run_scripts(connection, to)
    if connection.dialect.name == "sqlite":  # where an older Limner looks
        connection.exec_driver_sql(f"PRAGMA user_version = {to}")


def _run_scripts(connection: Connection, to: int) -> None:
    """Runs what `versions/` has beyond the form of a database."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    command.upgrade(config, str(to))
