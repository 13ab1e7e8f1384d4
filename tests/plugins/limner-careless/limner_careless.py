"""Changes what all plugins share while it is imported, and leaves a thread that does not end."""

from __future__ import annotations

import asyncio
import builtins
import json
import os
import signal
import sys
import tempfile
import threading
import time
from typing import Any

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


class _Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        raise RuntimeError("no loop for anybody")


def _no_json(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no JSON for anybody")


os.chdir(tempfile.gettempdir())
os.environ["CARELESS"] = "1"
sys.stdout = None
sys.setrecursionlimit(120)
asyncio.set_event_loop_policy(_Policy())
signal.signal(signal.SIGINT, signal.SIG_IGN)
json.dumps = _no_json
builtins.open = _no_json
threading.Thread(target=time.sleep, args=(600,), name="careless").start()


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Careless", models=[ModelInfo(id="one", sizes=["8x8"])])


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    from PIL import Image

    return ImageResult(Image.new("RGB", (8, 8), "red"))
