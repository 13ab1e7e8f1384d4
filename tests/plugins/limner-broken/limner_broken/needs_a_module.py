"""Imports an SDK that is not installed."""

import an_sdk_that_nobody_installed  # noqa: F401  # pyright: ignore[reportMissingImports]
