"""Imports what this release of the contract does not have."""

from limner import Hologram  # noqa: F401  # pyright: ignore[reportAttributeAccessIssue]
