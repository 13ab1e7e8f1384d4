"""What a plugin leaves on the event loop holds up no other, and not the end of a command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

from core.plugins.loop import at_work, run
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
    let_go = threading.Event()

    async def work() -> None:
        at_work.set("hanging")
        hung = [asyncio.ensure_future(asyncio.to_thread(let_go.wait, 60)) for _ in range(64)]
        await asyncio.sleep(0)
        for plugin in ("another", ""):
            at_work.set(plugin)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "here"), 30) == "here"
            await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("localhost", 80), 30)
        assert not any(one.done() for one in hung)
        let_go.set()
        await asyncio.gather(*hung)

    try:
        run(work())
    finally:
        let_go.set()


def test_a_task_that_ignores_its_end_does_not_keep_the_program_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUBBORN],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
