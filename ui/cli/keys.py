"""`limner key new`: an API key for a client, shown once, and the settings that hold its hash."""

from __future__ import annotations

import sys

from core import Rejected
from core.logs import uncleaned
from core.settings.clients import CLIENT_NAME, NAMES, hash_of, new_key
from ui.cli.settings_file import add_table


def print_new_key(name: str, *, write: bool) -> None:
    """Prints a new key alone on standard output, and beside it what the settings file says of it.

    Raises Rejected, or SettingsError, and then there is no key.
    """
    if not CLIENT_NAME.fullmatch(name):
        raise Rejected(f"The name {name!r} is not clear: a client's name is {NAMES}, such as notebook.")
    key = new_key()
    table = f'[clients.{name}]\nkey = "{hash_of(key)}"\n'
    if write:
        file = add_table("client", name, table, what="client")
        said = f"Added [clients.{name}] to {file}: start the server again. The key itself is shown only here."
    else:
        said = "Add this to limner.toml, and start the server again. The key itself is shown only here."
        said += f"\n\n{table}"
    print(said, file=sys.stderr, flush=True)
    print(key, file=uncleaned(sys.stdout))
