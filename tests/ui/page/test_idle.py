"""Nothing of Gradio's keeps the server busy while nobody does anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core import open_studio
from core.settings.schema import load_settings
from ui.page.page import Page


@pytest.mark.parametrize("loop_of_the_queue", ["start_processing", "start_progress_updates"])
def test_gradios_queue_does_not_look_for_work(
    loop_of_the_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = open_studio(load_settings(data_dir=tmp_path))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    async def run() -> None:
        page = Page(studio)  # on the loop, without which gradio leaves one open
        monkeypatch.setattr("gradio.queueing.asyncio.sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            await getattr(page.blocks._queue, loop_of_the_queue)()
        monkeypatch.undo()
        await studio.close()

    asyncio.run(run())
    assert waits == [pytest.approx(3600)]
