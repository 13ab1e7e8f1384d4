"""Wraps the hook of all providers, which pluggy offers and the contract does not."""

from collections.abc import Generator
from typing import Any

from limner import ImageRequest, hookimpl


@hookimpl(wrapper=True)
def generate(request: ImageRequest) -> Generator[None, Any, Any]:
    return (yield)
