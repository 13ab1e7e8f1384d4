"""Stores in both kinds of database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from core.storage.store import Store

Open: TypeAlias = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """Returns the URL of an empty database; None is a file in the folder of the store."""
    return request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None


@pytest.fixture
async def open_store(tmp_path: Path, database: str | None) -> AsyncIterator[Open]:
    """Opens stores that share their pictures and their database, as processes do."""
    opened: list[Store] = []

    def open() -> Store:
        opened.append(Store(tmp_path, database=database))
        return opened[-1]

    yield open
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()
