"""OpenAI's moderation endpoint: whether it finds a prompt, or the pictures that go in, harmful."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

from limner import ContentFiltered, ImageRequest, InputImage, ProviderError, parse_reply
from providers.openai.connection import send
from providers.openai.settings import Settings

MODEL = "omni-moderation-latest"
_IN_WORDS = {
    "harassment/threatening": "threats",
    "hate/threatening": "threats",
    "illicit": "instructions for a crime",
    "illicit/violent": "instructions for a violent crime",
    "self-harm/instructions": "self-harm",
    "self-harm/intent": "self-harm",
    "sexual": "sexual content",
    "sexual/minors": "sexual content with minors",
    "violence/graphic": "graphic violence",
}


async def check(request: ImageRequest) -> None:
    """Raises ContentFiltered for what is flagged; the endpoint takes one picture at a time."""
    settings = Settings.model_validate(dict(request.settings))
    texts = (request.prompt, request.negative_prompt, *request.options.model_dump(mode="json").values())
    words = "\n".join(text for text in texts if text and isinstance(text, str))
    found: dict[str, None] = {}
    for picture in request.images or (None,):
        found |= dict.fromkeys(await _ask(request, settings, words, picture))
    if found:
        *others, last = found
        listed = f"{', '.join(others)} and {last}" if others else last
        raise ContentFiltered(why=f"This server does not allow it: its moderation found {listed}.")


async def _ask(
    request: ImageRequest, settings: Settings, words: str, picture: InputImage | None
) -> list[str]:
    """Returns in words what the endpoint flags."""

    def write() -> bytes:
        parts: list[dict[str, Any]] = [{"type": "text", "text": words}]
        if picture:
            parts.append({"type": "image_url", "image_url": {"url": picture.data_uri}})
        return json.dumps({"model": MODEL, "input": parts}).encode()

    content = await asyncio.to_thread(write)  # pictures are megabytes
    reply = await send(request, settings, partial(_post, content))
    read = await parse_reply(reply.content)
    results = read.get("results") if isinstance(read, dict) else None
    if not isinstance(results, list) or not results:
        raise ProviderError("bad-response", did_not_run=True)
    found: list[str] = []
    for result in results:
        flagged = result.get("flagged") if isinstance(result, dict) else None
        categories = result.get("categories") if isinstance(result, dict) else None
        if not isinstance(flagged, bool) or not isinstance(categories, dict):
            raise ProviderError("bad-response", did_not_run=True)
        if flagged:
            named: list[str] = [
                _IN_WORDS.get(name, str(name)) for name, is_found in categories.items() if is_found is True
            ]
            found += named or ["harmful content"]
    return found


async def _post(content: bytes, client: Any, options: dict[str, Any]) -> Any:
    from httpx2 import Response

    free = {"max_retries": 1}  # to ask twice costs nothing
    return await client.post("/moderations", content=content, cast_to=Response, options=options | free)
