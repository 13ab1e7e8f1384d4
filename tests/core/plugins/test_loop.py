"""What a plugin leaves on the event loop holds up no other, and not the end of a command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from core.plugins.loop import asked, at_work, run
from tests.serving import ROOT

STUBBORN = """
import asyncio
from core.plugins import loop

loop.CLEANUP = 0.1

async def stubborn():
    while True:
        try:
            await asyncio.sleep(1000)
        except BaseException:
            pass

async def work():
    left.append(asyncio.create_task(stubborn()))
    await asyncio.sleep(0)
    return "done"

left = []
print(loop.run(work()))
left.clear()
"""


def test_calls_that_hang_in_a_plugins_threads_keep_none_from_others() -> None:
    """Nor from another provider that uses the same plugin, nor from the host."""
    let_go = threading.Event()

    async def work() -> None:
        at_work.set("hanging")
        asked.set("first")
        hung = [asyncio.ensure_future(asyncio.to_thread(let_go.wait, 60)) for _ in range(64)]
        await asyncio.sleep(0)
        for plugin, provider in (("hanging", "second"), ("another", "first"), ("", "first")):
            at_work.set(plugin)
            asked.set(provider)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "here"), 30) == "here"
            await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("localhost", 80), 30)
        assert not any(one.done() for one in hung)
        let_go.set()
        await asyncio.gather(*hung)

    try:
        run(work())
    finally:
        let_go.set()


def test_the_executor_that_a_plugin_sets_or_ends_is_its_own() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        at_work.set("pooling")
        with ThreadPoolExecutor(1, "own") as pool:
            loop.set_default_executor(pool)
            name = await asyncio.to_thread(lambda: threading.current_thread().name)
            assert name.startswith("own")
        assert await asyncio.to_thread(lambda: "again") == "again"
        await loop.shutdown_default_executor()
        assert await asyncio.to_thread(lambda: "once more") == "once more"
        at_work.set("")
        assert await asyncio.to_thread(lambda: "the host") == "the host"

    run(work())


def test_a_task_that_ignores_its_end_does_not_keep_the_program_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUBBORN],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
