"""Tells the C library to use again the memory that one picture needed for the next."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# From glibc's malloc.h and mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGEST_BLOCK = 32 << 20
"""Bytes from which a block is the system's own; glibc takes no larger value."""
_KEPT = 64 << 20
"""Bytes at the end of the heap that are kept free."""


def reuse_memory() -> None:
    """Makes glibc keep freed memory, in one heap for all threads; does nothing with another C library.

    Else it gives the megabytes of each picture back to the system at once, and to have them again costs more
    time than whatever is done with them.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no mallopt
            mallopt = ctypes.CDLL(None).mallopt
            for name, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGEST_BLOCK), (_TRIM_THRESHOLD, _KEPT)):
                mallopt(name, value)
