"""The other half of the circle."""

from limner_broken.imports_in_a_circle import HALF  # noqa: F401  # pyright: ignore[reportUnusedImport]

OTHER = 2
