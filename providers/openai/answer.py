"""Reads a server's answer: the picture with what the server says about it, or the failure."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from limner import (
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ImageWarning,
    LimnerError,
    failure_from_response,
    find_pictures,
    refusal_in,
)
from providers.openai.settings import HOME


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _first(said: dict[str, Any]) -> dict[str, Any]:
    """Returns what a reply says of its first picture."""
    parts = (said.get(name) for name in _HOLDERS)
    return next(filter(None, (_object(p[0] if isinstance(p, list) and p else p) for p in parts)), {})


def result_of(
    reply: Any, read: Any, request: ImageRequest, fields: dict[str, Any], warnings: list[ImageWarning]
) -> ImageResult:
    """Returns the picture with what the service says about it: claims, not facts."""
    said = dict(_object(read))
    first = _first(said)
    if refusal := refusal_in(read):  # xAI and others refuse with a 200
        raise refusal
    images = find_pictures(read, request.base_url or HOME, reply)
    if not images:
        raise failure_of(200, read, {}, request.prompt)

    said |= first
    sent = {"size": str(request.size), **fields} if "width" in fields else fields
    for name in ("size", "quality", "background", "output_format", "seed"):
        used = str(said.get(name) if _is_short(said.get(name)) else None).lower().replace("jpg", "jpeg")[:40]
        if name in sent and used not in ("none", "auto", str(sent[name])):
            warnings.append(ImageWarning(name, f"The service used {used}, not {sent[name]}.", type="other"))
    return ImageResult(
        images[0],
        revised_prompt=_text(said.get("revised_prompt")),
        seed=said["seed"] if type(said.get("seed")) is int else None,
        seed_sent="seed" in fields,
        model=_text(said.get("model")),
        request_id=reply.headers.get("x-request-id"),
        usage=_object(said.get("usage")),
        metadata={name: said[name] for name in sorted(said.keys() - _ELSEWHERE) if _is_short(said[name])},
        warnings=warnings,
    )


_HOLDERS = ("data", "images", "image", "artifacts", "output", "result", "b64_json", "base64", "url")
_ELSEWHERE = {*_HOLDERS, "revised_prompt", "seed", "model", "usage"}


def _is_short(value: Any) -> bool:
    with suppress(RecursionError):
        return value is not None and len(str(value)) < 1000
    return False


def failure_of(status: int, reply: Any, headers: Any, prompt: str) -> LimnerError:
    """Returns what a reply stands for; a refusal with what OpenAI and Azure list of its reasons."""
    failure = failure_from_response(status, reply, headers, prompt=prompt)
    if isinstance(failure, ContentFiltered):
        about = _object(_object(reply).get("error") or reply)
        inner = _object(about.get("inner_error") or about.get("innererror"))  # Azure spells it both ways
        details, results = _object(about.get("moderation_details")), inner.get("content_filter_results")
        listed = details.get("categories")
        found = [details.get("moderation_stage"), *(listed if isinstance(listed, list) else ())]
        found += [name for name, result in _object(results).items() if _object(result).get("filtered")]
        if named := ", ".join(filter(None, map(_text, found))):
            return ContentFiltered(f"{failure.service_message or ''} ({named})".strip())
    return failure
