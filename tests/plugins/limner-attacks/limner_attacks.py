"""A provider that does to the process what its prompt says, and then makes its picture."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl

FLOOD = 200_000


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Attacks", models=(ModelInfo(id="a-1"),))


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    await ATTACKS[request.prompt](request)
    return ImageResult(PNG)


async def flood_at_once(request: ImageRequest) -> None:
    for n in range(FLOOD):
        request.report(f"step {n}", n / FLOOD)


async def flood_from_a_thread(request: ImageRequest) -> None:
    await asyncio.to_thread(_flood, request, FLOOD // 10)


async def flood_without_end(request: ImageRequest) -> None:
    for _ in range(3):
        threading.Thread(target=_flood, args=(request, sys.maxsize), daemon=True).start()
    await asyncio.sleep(3600)


def _flood(request: ImageRequest, times: int) -> None:
    print("It floods.", flush=True)
    shown: Any = None
    for n in range(times):
        request.report(f"step {n}", n / times)
        request.preview(shown if n % 2 else PNG)


async def exit_in_a_task(_: ImageRequest) -> None:
    async def stray() -> None:
        sys.exit("for everybody")

    await asyncio.wait({asyncio.create_task(stray())})


async def interrupt_in_a_task(_: ImageRequest) -> None:
    async def stray() -> None:
        raise KeyboardInterrupt

    await asyncio.wait({asyncio.create_task(stray())})


async def exit_in_a_callback(_: ImageRequest) -> None:
    asyncio.get_running_loop().call_soon(sys.exit)
    await asyncio.sleep(0.01)


async def stop_the_loop(_: ImageRequest) -> None:
    for _n in range(3):
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)


async def stop_from_a_thread(_: ImageRequest) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(loop.call_soon_threadsafe, loop.stop)
    await asyncio.sleep(0.01)


async def exit(_: ImageRequest) -> None:
    sys.exit("for everybody")


async def cancel_everything(_: ImageRequest) -> None:
    for task in asyncio.all_tasks():
        task.cancel()


async def behave(_: ImageRequest) -> None:
    """Does nothing else."""


ATTACKS: dict[str, Callable[[ImageRequest], Any]] = {
    attack.__name__: attack
    for attack in (
        flood_at_once,
        flood_from_a_thread,
        flood_without_end,
        exit_in_a_task,
        interrupt_in_a_task,
        exit_in_a_callback,
        stop_the_loop,
        stop_from_a_thread,
        exit,
        cancel_everything,
        behave,
    )
}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000010000000100802000000909168360000001949444154789c63646868602005"
    "3091a47a54c3a88621a5010041bd0120e61165910000000049454e44ae426082"
)
