"""Calls to ComfyUI: a request and its answer, a picture that goes in, and the words of what went wrong."""

from __future__ import annotations

import re
import secrets
from typing import Any

from limner import (
    ACCEPTED,
    KEEPALIVE,
    InputImage,
    LimnerError,
    ProviderError,
    failure_from_response,
    failure_without_answer,
    parse_reply,
    read_bounded,
    shared_async,
)

UPLOADING = 60.0
"""Seconds for one picture that goes in."""
_NOT_THERE = "ComfyUI does not answer at its address: start it, or correct the address in the settings."
_NO_MEMORY = "Its graphics card ran out of memory: choose a smaller size, or free memory there."
_LIST = 1_000  # characters of the words about one failure


async def client_for(base_url: str) -> Any:
    """Returns the client for an address, shared by all requests to it."""

    def connect() -> Any:
        import httpx2

        hooks: Any = {"response": [read_bounded]}
        limits = httpx2.Limits(keepalive_expiry=KEEPALIVE)
        return httpx2.AsyncClient(base_url=base_url, headers=ACCEPTED, limits=limits, event_hooks=hooks)

    return await shared_async(("comfyui", base_url), connect)


async def ask(client: Any, method: str, path: str, timeout: float, **more: Any) -> Any:
    """Sends one request, and returns the JSON or the text of its answer; raises what a failure says."""
    import httpx2

    did_not_run, prompt = more.pop("did_not_run", None), more.pop("prompt", None)
    try:
        limits = httpx2.Timeout(timeout, connect=min(10, timeout))
        answer = await client.request(method, path, timeout=limits, **more)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise failure_without_answer(error, why=_NOT_THERE, did_not_run=did_not_run) from error
    reply = await parse_reply(answer.content)
    if answer.is_success:
        return reply
    if answer.status_code == 400 and isinstance(reply, dict) and "node_errors" in reply:
        raise _invalid(reply)
    raise failure_from_response(
        answer.status_code, reply, answer.headers, prompt=prompt, did_not_run=did_not_run
    )


async def upload(client: Any, image: InputImage) -> str:
    """Puts a picture into ComfyUI's folder `input`, under a name that nobody can guess; returns the name."""
    name = f"limner-{secrets.token_hex(16)}.{image.filename.rpartition('.')[2]}"
    sent = {"files": {"image": (name, image.data, image.media_type)}, "data": {"type": "input"}}
    said = await ask(client, "POST", "/upload/image", UPLOADING, did_not_run=True, **sent)
    kept = said.get("name") if isinstance(said, dict) else None
    if not isinstance(kept, str) or not kept:
        raise ProviderError("bad-response", why="ComfyUI did not say that it has the picture.", status=200)
    return kept


def ran_badly(event: str, told: dict[str, Any]) -> LimnerError | None:
    """Returns the failure that an event of a job's history stands for; None if it is none."""
    if event == "execution_interrupted":
        return ProviderError("provider", why="It was stopped in ComfyUI.", status=200, was_cancelled=True)
    if event != "execution_error":
        return None
    kind, message = str(told.get("exception_type") or ""), str(told.get("exception_message") or "").strip()
    words = f"{told.get('node_type') or 'A node'}: {message or kind or 'no reason was given'}"[:_LIST]
    is_full = re.search("out ?of ?memory|allocation on device", f"{kind} {message}", re.IGNORECASE)
    return ProviderError("provider", words, why=_NO_MEMORY if is_full else None, status=200)


def _invalid(reply: dict[str, Any]) -> ProviderError:
    """Returns why a workflow was not taken: which input of which node is wrong, or which node is missing."""
    found: list[str] = []
    lacks_model = False
    nodes = reply["node_errors"]
    for node, told in nodes.items() if isinstance(nodes, dict) else ():
        errors = told.get("errors") if isinstance(told, dict) else None
        for error in errors if isinstance(errors, list) else ():
            if not isinstance(error, dict):
                continue
            extra = error.get("extra_info")
            name = extra.get("input_name") if isinstance(extra, dict) else None
            place = f"{told.get('class_type')} (node {node}){f', input {name}' if name else ''}"
            found.append(f"{place}: {error.get('message')} ({error.get('details')})")
            lacks_model = lacks_model or (error.get("type"), name) == ("value_not_in_list", "ckpt_name")
    if not found and isinstance(error := reply.get("error"), dict):
        found = [f"{error.get('message')} {error.get('details') or ''}".strip()]
    words = "; ".join(found)[:_LIST] or None
    return ProviderError("invalid-request", words, status=404 if lacks_model else 400, did_not_run=True)
