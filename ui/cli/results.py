"""Standard output for what a command has to say, and for nothing else."""

from __future__ import annotations

import os
import sys

from core.redaction import hide_secrets


class Results:
    """Standard output, kept apart: what plugins print goes to standard error from now on.

    A reader that has enough, as in `| head`, is no fault: `is_read` is false then, and the rest is dropped.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self.is_terminal = sys.stdout.isatty()
        self.is_read = True
        encoding = sys.stdout.encoding
        self._stream = os.fdopen(os.dup(1), "w", encoding=encoding, errors="backslashreplace")
        os.dup2(2, 1)

    def line(self, text: str) -> None:
        """Writes a line at once."""
        self._write(hide_secrets(text) + "\n")

    def data(self, data: bytes) -> None:
        """Writes the bytes of a picture as they are."""
        self._write(data)

    def _write(self, what: str | bytes) -> None:
        try:
            if isinstance(what, bytes):
                self._stream.buffer.write(what)
            else:
                self._stream.write(what)
            self._stream.flush()
        except BrokenPipeError:
            self.is_read = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
