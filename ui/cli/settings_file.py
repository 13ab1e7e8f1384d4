"""What a command adds to the settings file, which it otherwise leaves as it is."""

from __future__ import annotations

from pathlib import Path

from core import Rejected, SettingsError
from core.settings.sources import config_file, parse_toml, read_toml


def add_table(kind: str, name: str, text: str, *, what: str, begin: str = "") -> Path:
    """Adds the table `[KINDs.NAME]`, whose whole text is given, to the settings file; returns the file.

    `begin` stands before it in a new file, and `what` says what it is. Raises Rejected, or SettingsError, if
    the file has such a table already, or is no TOML; nothing is written then.
    """
    file, settings = config_file(), read_toml()
    tables = settings.get(f"{kind}s", {})
    if not isinstance(tables, dict):
        raise SettingsError(f"The setting {kind}s in {file} must be a table: write [{kind}s.NAME].")
    if name in tables:
        raise Rejected(f"{file} has a {kind} {name} already: change that one, or remove it first.")
    before = file.read_text("utf-8-sig") if file.exists() else ""
    more = f"\n\n{text}" if before.strip() else f"{begin}{text}"
    try:
        parse_toml(before + more)
    except ValueError as error:
        raise SettingsError(f"The {what} does not fit into {file} as it is: add it by hand.") from error
    try:
        with file.open("a", encoding="utf-8") as settings_file:
            settings_file.write(more)
    except OSError as error:
        raise Rejected(f"{file} cannot be written ({error.strerror}): add the {what} by hand.") from error
    return file
