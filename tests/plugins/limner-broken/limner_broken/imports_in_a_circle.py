"""Imports a module that imports it again before it has what that needs."""

from limner_broken.other_half import OTHER  # noqa: F401  # pyright: ignore[reportUnusedImport]

HALF = 1
