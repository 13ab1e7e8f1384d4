"""What the processes that share a database tell each other, by LISTEN and NOTIFY of PostgreSQL."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from core.storage.database import Database

log = logging.getLogger(__name__)

CHANNEL = "limner"
MAX_BYTES = 7_900
"""Of one notice; PostgreSQL takes fewer than 8,000."""
LOOK_SECONDS = 1.0
"""How often the thread that listens looks whether it shall end; and the pause after a lost connection."""


class Notice(NamedTuple):
    """What one process tells the others."""

    kind: str
    """`changed`, `stop` or `live`."""
    conversation: str
    message: str = ""
    number: int | None = None
    progress: str = ""
    share: float | None = None


class Notices:
    """Tells the other processes, and takes what they tell; where a process is alone, nobody is told."""

    def __init__(self, database: Database, process: str) -> None:
        self._database = database
        self._process = process
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, connection: Connection, notice: Notice) -> None:
        """Tells the other processes, once the transaction has ended well."""
        if self._database.is_shared:
            words = json.dumps([self._process, *notice])
            if len(words.encode()) < MAX_BYTES:
                connection.execute(select(func.pg_notify(CHANNEL, words)))

    def listen(self, take: Callable[[Notice | None], None]) -> None:
        """Calls a function with each notice of another process, in a thread of its own; once.

        None stands for those that were lost together with the connection.
        """
        if self._database.is_shared and self._thread is None:
            self._thread = threading.Thread(
                target=self._listen, args=(take,), name="limner-notices", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Ends the thread that listens."""
        self._is_closed.set()
        if self._thread:
            self._thread.join()

    def _listen(self, take: Callable[[Notice | None], None]) -> None:
        is_lost = False
        while not self._is_closed.is_set():
            try:
                with self._database.connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    take(None)
                    while not self._is_closed.is_set():
                        for notified in connection.notifies(timeout=LOOK_SECONDS):
                            if notice := self._read(notified.payload):
                                take(notice)
                        is_lost = False
            except Exception as error:
                if not is_lost:
                    log.error("What other processes change is not heard; trying again: %s", error)
                is_lost = True
                self._is_closed.wait(LOOK_SECONDS)

    def _read(self, payload: str) -> Notice | None:
        """Returns what another process tells; None for what this one has told itself."""
        try:
            process, *words = json.loads(payload)
            return None if process == self._process else Notice(*words)
        except (ValueError, TypeError):  # of a newer Limner
            return None
