"""The same request, with the same seed, is the same picture with the same metadata through every door."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from gradio_client import Client

from tests.doors import GOOD, NOT_OF_THE_REQUEST
from tests.serving import ROOT, Serving
from tests.ui.mcp.clients import Door, OverHTTP, OverStdio, facts, picture
from tests.warm_serving import warm_limner

SECONDS = 60
THREAD = "d00f" * 8
Made = tuple[bytes, dict[str, Any]]
"""A picture and what the door said of it."""


def of_data(image: str) -> bytes:
    return base64.b64decode(image.partition(",")[2])


def by_image(app: Serving, _: Path) -> Made:
    said = httpx.post(f"{app.url}/api/image", json=GOOD, timeout=SECONDS).json()
    return of_data(said["image"]), said["metadata"]


def by_page(app: Serving, _: Path) -> Made:
    """As the page's script asks, and what its details say."""
    thread = f"limner/threads/{THREAD}/messages"
    with httpx.Client(base_url=app.url, timeout=SECONDS) as client:
        client.get("/")
        message = client.post(thread, json=GOOD).json()["message"]
        deadline = time.monotonic() + SECONDS
        while (known := client.get(f"{thread}/{message}/details").json())["status"] == "running":
            assert time.monotonic() < deadline
        answer = client.get(f"/api/threads/{THREAD}").json()[-1]
    for of_the_page in ("message", "turn", "status", "started", "requested"):
        del known[of_the_page]
    return of_data(answer["content"][-1]["image"]), known


def by_openai(app: Serving, _: Path) -> Made:
    model = f"{GOOD['provider']}/{GOOD['model']}"
    with openai.OpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
        answer = client.images.generate(
            prompt=GOOD["prompt"], model=model, size=GOOD["size"], extra_body={"seed": GOOD["seed"]}
        )
    said: Any = answer.to_dict()["data"]
    return base64.b64decode(said[0]["b64_json"]), said[0]["metadata"]


def by_chat(app: Serving, _: Path) -> Made:
    parts = [{"type": "text", "text": GOOD["prompt"]}]
    body = {**GOOD, "messages": [{"role": "user", "parts": parts}]}
    stream = httpx.post(f"{app.url}/api/chat", json=body, timeout=SECONDS).text
    events = [json.loads(event) for event in re.findall(r"^data: (\{.*\})$", stream, re.MULTILINE)]
    said = {event["type"]: event for event in events}
    return of_data(said["file"]["url"]), said["finish"]["messageMetadata"]


def by_gradio(app: Serving, folder: Path) -> Made:
    client = Client(app.url, verbose=False, analytics_enabled=False, download_files=folder)
    path, metadata = client.submit(**GOOD, api_name="/generate").result(SECONDS)
    client.close()
    return Path(path).read_bytes(), metadata


def by_tool(door: Door) -> Made:
    async def call() -> Any:
        async with door.client() as client:
            return await client.call_tool("generate_image", GOOD)

    answer = asyncio.run(call())
    return picture(answer), facts(answer)["pictures"][0]["metadata"]


def by_mcp(app: Serving, folder: Path) -> Made:
    return by_tool(OverHTTP(app.url, folder))


def by_mcp_on_standard_output(_: Serving, folder: Path) -> Made:
    return by_tool(OverStdio(folder, {}))


def by_python(_: Serving, folder: Path) -> Made:
    code = (
        f"import json, limner\npicture = limner.generate(**{GOOD!r})\n"
        "picture.save('made')\nprint(json.dumps(dict(picture.metadata)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = folder.glob("made*")
    return file.read_bytes(), json.loads(done.stdout)


def by_shell(_: Serving, folder: Path) -> Made:
    arguments = [f"--{name}={value}" for name, value in GOOD.items() if name != "prompt"]
    done = warm_limner(["generate", GOOD["prompt"], *arguments, "-o", "made.png", "--json"], {}, folder)
    return (folder / "made.png").read_bytes(), json.loads(done.stdout)


DOORS = [
    *(by_page, by_openai, by_chat, by_gradio, by_mcp),
    *(by_mcp_on_standard_output, by_python, by_shell),
]
OF_THE_DOOR = {"file", "filename"}
"""Where a door has put the picture, and what it is called."""


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_it_is_that_of_the_image_route(
    app: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Callable[[Serving, Path], Made]
) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")  # its client would ask the Hub
    (image, metadata), (expected, known) = door(app, tmp_path), by_image(app, tmp_path)
    assert image == expected
    assert of_the_request(metadata) == of_the_request(known)


def of_the_request(metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns what is the same, under the names of JavaScript; Python and the shell have theirs."""
    known = {re.sub("_(.)", lambda at: at[1].upper(), name): value for name, value in metadata.items()}
    return {name: value for name, value in known.items() if name not in NOT_OF_THE_REQUEST | OF_THE_DOOR}
