"""Misspells what it imports."""

from limner import hookimp  # noqa: F401  # pyright: ignore
