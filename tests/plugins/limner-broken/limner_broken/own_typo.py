"""Imports from a module of its own what that does not have."""

from limner_broken.objects import Goood  # noqa: F401  # pyright: ignore
