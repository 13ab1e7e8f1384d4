"""The tools by either transport, over the providers of the page's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import Serving
from tests.ui.mcp.clients import Door, OverHTTP, OverStdio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def over_http(app: Serving) -> OverHTTP:
    return OverHTTP(app.url, app.log.parent / "data")


@pytest.fixture
def over_stdio(tmp_path: Path, with_shapes: dict[str, str]) -> OverStdio:
    return OverStdio(tmp_path, with_shapes)


@pytest.fixture(params=["over_http", "over_stdio"])
def door(request: pytest.FixtureRequest) -> Door:
    """Returns the tools by each transport."""
    return request.getfixturevalue(request.param)
