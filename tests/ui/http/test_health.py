"""What an orchestrator learns: that the process serves, and whether it can take work."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.storage.store import Store
from tests.core.scripted import ScriptedProvider
from tests.ui.http.client import Client, open_client
from ui.http import health

pytestmark = pytest.mark.anyio
UNWRITABLE = "The data folder cannot be written to at the moment: the server's log says why."


@pytest.fixture(autouse=True)
def _check_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_EVERY", 0)


async def faults(client: Client) -> list[tuple[int, str]]:
    """Asks both, and returns what each says."""
    replies = [await client.get("/healthz"), await client.get("/readyz")]
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}
    assert not any("set-cookie" in reply.headers for reply in replies)
    for reply in replies:
        assert ("retry-after" in reply.headers) == (reply.status_code == 503)
    return [(one.status_code, one.json()["error"] if one.is_error else one.text) for one in replies]


ALL_WELL = [(200, "ok"), (200, "ok")]


@pytest.mark.parametrize("host", ["10.1.2.3:7860", "limner.example", "[fd00::7]:7860"])
async def test_both_answer_under_any_name(host: str, tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        client.headers["host"] = host
        assert await faults(client) == ALL_WELL


async def test_no_limit_counts_them(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), rate_limit="1/day") as (client, _):
        assert [await faults(client) for _ in range(3)] == [ALL_WELL] * 3
        assert (await client.post("/api/image", json={"prompt": "a fox"})).status_code == 200


async def test_a_closing_studio_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        await studio.close()
        closing = "The server is stopping: try again in a moment."
        assert await faults(client) == [(200, "ok"), (503, closing)]


async def test_a_folder_that_cannot_be_written_to_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with open_client(tmp_path / "file", ScriptedProvider()) as (client, _):
        alive, (status, sentence) = await faults(client)
    assert (alive, status) == ((200, "ok"), 503)
    assert "LIMNER_DATA_DIR" in sentence
    assert str(tmp_path) not in sentence


async def test_pictures_that_cannot_be_written_are_not_ready_until_they_can(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        shutil.rmtree(tmp_path / "pictures")
        assert await faults(client) == [(200, "ok"), (503, UNWRITABLE)]
        (tmp_path / "pictures").mkdir()
        assert await faults(client) == ALL_WELL


async def test_rows_that_cannot_be_written_are_not_ready_until_they_can(tmp_path: Path) -> None:
    async def set_read_only(store: Store, value: int) -> None:
        await store._database.read(lambda database: database.exec_driver_sql(f"PRAGMA query_only = {value}"))

    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        await set_read_only(studio.store, 1)
        assert await faults(client) == [(200, "ok"), (503, UNWRITABLE)]
        await set_read_only(studio.store, 0)
        assert await faults(client) == ALL_WELL


async def test_a_crowd_that_asks_writes_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_EVERY", 3600)
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        checks: list[Any] = []
        check = studio.store.check

        async def counted() -> None:
            checks.append(None)
            await check()

        monkeypatch.setattr(studio.store, "check", counted)
        replies = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
        replies.append(await client.get("/readyz"))
    assert {reply.status_code for reply in replies} == {200}
    assert len(checks) == 1
