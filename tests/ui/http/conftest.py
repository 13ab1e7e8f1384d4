"""The app as a proxy serves it, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Serving
from tests.warm_serving import WarmServing


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An app behind a proxy, without any key."""
    folder = tmp_path_factory.mktemp("proxied")
    serving = WarmServing(folder, {"LIMNER_DATA_DIR": str(folder / "data"), "LIMNER_BEHIND_PROXY": "true"})
    yield serving
    serving.stop()
