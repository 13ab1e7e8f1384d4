"""How far the pictures are: a display on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from core.asking import Asked
from core.chat.message import Live

_WIDTH = 40


class Progress:
    """Writes what a provider reports, a line each, if there is one picture; nothing if there are several."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._written = ""

    def begin(self, prompt: str) -> int:
        """Adds a picture, and returns its key."""
        return 0

    def show(self, key: int, live: Live) -> None:
        """Shows how far a picture is."""
        if not self._several and live.progress not in ("", self._written):
            self._written = live.progress
            print(live.progress, file=sys.stderr)

    def end(self, key: int) -> None:
        """Removes a picture."""

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Makes room for lines of others."""
        yield


class TerminalProgress(Progress):
    """Draws a line for each picture that runs, on standard error, with its bar and its time."""

    def __init__(self) -> None:
        super().__init__(several=True)
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        line = Column(no_wrap=True, overflow="ellipsis")
        self._rich = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=line),
            BarColumn(20),
            TextColumn("{task.fields[said]}", markup=False, table_column=line),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._running = 0

    def begin(self, prompt: str) -> int:
        self._running += 1
        if self._running == 1:
            self._rich.start()
        return self._rich.add_task(on_one_line(prompt), total=None, said="")

    def show(self, key: int, live: Live) -> None:
        total, done = (None, 0) if live.share is None else (1, live.share)
        self._rich.update(key, total=total, completed=done, said=on_one_line(live.progress))  # pyright: ignore

    def end(self, key: int) -> None:
        self._running -= 1
        self._rich.remove_task(key)  # pyright: ignore[reportArgumentType]
        if not self._running:
            self._rich.stop()

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        self._rich.stop()  # which wipes it away
        try:
            yield
        finally:
            if self._running:
                self._rich.start()


def progress(*, several: bool) -> Progress:
    """Returns what shows the progress here."""
    return TerminalProgress() if sys.stderr.isatty() else Progress(several=several)


async def follow(asked: Asked, shown: Progress, key: int) -> None:
    """Shows how far a picture is, until it is cancelled."""
    message = asked.message
    while True:
        for live in message.live.values():
            shown.show(key, live)
        await asked.conversation.changes(message.last_rev)


def on_one_line(text: str) -> str:
    """Returns the beginning of a text as one line that does nothing to a terminal."""
    plain = "".join(character if character.isprintable() else " " for character in text[: 2 * _WIDTH])
    words = " ".join(plain.split())
    return words if len(words) <= _WIDTH else f"{words[: _WIDTH - 1]}…"
