"""OpenAI's Images API, and the servers that speak it: Azure, LocalAI, Together, vLLM-Omni, xAI.

The settings add such a server as this provider under another name, with a `base_url` and `models` of its own;
`Settings` lists what else may differ.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field

from limner import (
    ACCEPTED,
    ContentFiltered,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    failure_from_response,
    find_pictures,
    hookimpl,
    parse_reply,
    read_bounded,
    read_reply,
    refusal_in,
    shared_async,
)

HOME = "https://api.openai.com/v1"
DEFAULT_SIZE = Size(1024, 1024)


class GptImageOptions(Options):
    """What every GPT image model takes; an option with its default value is not sent."""

    quality: Literal["auto", "low", "medium", "high"] = "auto"
    background: Literal["auto", "opaque", "transparent"] = "auto"
    """Transparent works with PNG and WebP."""
    output_format: Literal["auto", "png", "webp", "jpeg"] = "auto"
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """0 to 100, for JPEG and WebP."""
    moderation: Literal["auto", "low"] = "auto"
    """Low filters less."""


class FinerOptions(GptImageOptions):
    """The same with two more levels of quality."""

    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] = "auto"  # pyright: ignore[reportIncompatibleVariableOverride]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How a compatible server differs from OpenAI; set for a provider that `uses` this one."""

    seed: Literal["body", "none"] | None = None
    """Whether a seed is sent; None sends a person's own, except to OpenAI and to GPT image models."""
    size: Literal["size", "width-height", "none"] = "size"
    """``size: "1024x1024"``, two numbers (Together), or nothing (xAI)."""
    response_format: Literal["b64_json", "base64", "url"] | None = None
    """The form to ask for; not sent to GPT image models, which refuse it."""
    api_key_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    """The header that carries the key instead of ``Authorization``, such as ``api-key`` (Azure)."""
    api_version: str | None = None
    """Azure's API version; its `base_url` ends in a deployment's path."""


# From the SDK's ImageGenerateParams, which names only the standard sizes for 2.6. OpenAI's guide adds that a
# free size has at least 655,360 pixels. A SizeRange cannot say that, but no such size has a side under 480.
_STANDARD = (DEFAULT_SIZE, Size(1536, 1024), Size(1024, 1536))
_ANY = SizeRange(min_side=64, max_side=8192, max_ratio=8)
_FREE = SizeRange(step=16, min_side=480, max_side=3840, max_pixels=3840 * 2160, max_ratio=3)
_MODELS = (
    ModelInfo(id="gpt-image-2.5-flare", label="GPT Image 2.5 Flare", sizes=_FREE, options=FinerOptions),
    ModelInfo(id="gpt-image-2.5-sunburst", label="GPT Image 2.5 Sunburst", sizes=_FREE, options=FinerOptions),
    ModelInfo(id="gpt-image-2.6-flare", label="GPT Image 2.6 Flare", sizes=_STANDARD),
    ModelInfo(id="gpt-image-2.6-sunburst", label="GPT Image 2.6 Sunburst", sizes=_STANDARD),
    ModelInfo(id="gpt-image-2", label="GPT Image 2", sizes=_FREE),
    ModelInfo(id="gpt-image-1.5", label="GPT Image 1.5", sizes=_STANDARD),
    ModelInfo(id="gpt-image-1-mini", label="GPT Image 1 mini", sizes=_STANDARD),
    ModelInfo(id="chatgpt-image-latest", label="ChatGPT Image, latest", sizes=_STANDARD),
)


@hookimpl
def describe() -> ProviderInfo:
    """Returns what OpenAI offers, and what any other model of a compatible server takes."""
    return ProviderInfo(
        label="OpenAI",
        about="Made by OpenAI's image models, or by a server that speaks the same API.",
        models=_MODELS,
        other_models=ModelInfo(id="any", sizes=_ANY, seed=True, negative_prompt=True, options=FinerOptions),
        options=GptImageOptions,
        credential=Credential(variable="OPENAI_API_KEY", url="https://platform.openai.com/api-keys"),
        paid=True,
        base_url_variable="OPENAI_BASE_URL",
        settings=Settings,
        imports=("openai.resources.images",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request, and never again: one whose answer is lost may have been billed."""
    settings = Settings.model_validate(dict(request.settings))
    body, warnings = _body(request, settings)
    reply = await _ask(request, settings, body)
    return _result(reply, await parse_reply(reply.content), request, body, warnings)


def _body(request: ImageRequest, settings: Settings) -> tuple[dict[str, Any], list[ImageWarning]]:
    """Returns the body in the API's terms, and a warning for each option that is left out."""
    is_gpt_image = "gpt-image" in request.model
    is_openai = re.match(r"https?://[\w.-]+\.openai\.com(?![\w.-])", request.base_url or HOME)
    may_take_seed = settings.seed is None and not is_gpt_image and not is_openai
    takes_seed = settings.seed == "body" or (may_take_seed and not request.seed_is_drawn)
    body = {name: value for name, value in request.options if value != "auto"}
    body |= {"seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {"response_format": None if is_gpt_image else settings.response_format}
    body = {name: value for name, value in body.items() if value is not None}
    left_out: dict[str, str] = {}

    if body.get("background") == "transparent" and body.get("output_format") == "jpeg":
        why = "A JPEG cannot be transparent: choose PNG or WebP, or another background."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    if body.get("output_format") not in ("jpeg", "webp") and body.pop("output_compression", None) is not None:
        left_out["output_compression"] = "Only JPEG and WebP are compressed"
    if request.size and settings.size == "size":
        body["size"] = str(request.size)
    elif request.size and settings.size == "width-height":
        body |= request.size._asdict()
    elif request.size and request.size != DEFAULT_SIZE:  # nobody asked for the default
        left_out["size"] = f"The service chooses the size by itself, not {request.size}"
    if not takes_seed and body.pop("seed", None) is not None and not request.seed_is_drawn:
        left_out["seed"] = "The service takes no seed"
    return body, [ImageWarning(name, f"{why}; it was left out.") for name, why in left_out.items()]


async def _ask(request: ImageRequest, settings: Settings, body: dict[str, Any]) -> Any:
    """Sends one request and returns the raw reply: the SDK fills its own types without a check."""
    key, base_url = request.key_for_header(), request.base_url or HOME
    client = await shared_async(("openai", base_url, key), partial(_connect, base_url, key))
    import openai

    # sent with the request, because OPENAI_CUSTOM_HEADERS would override the client's own key
    headers: dict[str, str | openai.Omit] = {"Authorization": openai.Omit()}
    if key:
        named = settings.api_key_header
        headers |= {named: key} if named else {"Authorization": f"Bearer {key}"}
    request.report("waiting for the service")
    try:
        return await client.images.with_raw_response.generate(
            prompt=request.prompt,
            model=request.model,
            extra_body=body,
            extra_headers=headers,
            extra_query={"api-version": settings.api_version} if settings.api_version else None,
            timeout=openai.Timeout(request.timeout, connect=min(10, request.timeout)),
        )
    except openai.APIStatusError as error:
        reply = read_reply(error.response.content)
        raise _failure(error.status_code, reply, error.response.headers, request.prompt) from error
    except openai.APIConnectionError as error:
        raise _lost(error) from error
    except openai.OpenAIError as error:
        raise ProviderError("bad-response") from error


def _connect(base_url: str, key: str) -> Any:
    """Builds a client, in a thread: importing the SDK and reading certificates take half a second."""
    import openai

    bounds: dict[str, Any] = {"event_hooks": {"response": [read_bounded]}, "headers": ACCEPTED}
    http = openai.DefaultAsyncHttpxClient(follow_redirects=False, **bounds)  # no other host gets the key
    client = openai.AsyncOpenAI(api_key=key or "none", base_url=base_url, max_retries=0, http_client=http)
    client.organization = client.project = None  # the SDK takes them from the environment
    _ = client.images.with_raw_response  # imports more
    return client


def _lost(error: Exception) -> ProviderError:
    """Returns the failure of a request without an answer; the error of the HTTP library inside says more."""
    cause = type(error.__cause__).__name__
    if cause in ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"):
        return ProviderError("unavailable", did_not_run=True)
    if cause == "DecodingError":
        return ProviderError("bad-response")
    return ProviderError("timeout" if type(error).__name__ == "APITimeoutError" else "unavailable")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _first(said: dict[str, Any]) -> dict[str, Any]:
    """Returns what a reply says of its first picture."""
    parts = (said.get(name) for name in _HOLDERS)
    return next(filter(None, (_object(p[0] if isinstance(p, list) and p else p) for p in parts)), {})


def _result(
    reply: Any, read: Any, request: ImageRequest, body: dict[str, Any], warnings: list[ImageWarning]
) -> ImageResult:
    """Returns the picture with what the service says about it: claims, not facts."""
    said = dict(_object(read))
    first = _first(said)
    if refusal := refusal_in(read):  # xAI and others refuse with a 200
        raise refusal
    images = find_pictures(read, request.base_url or HOME, reply)
    if not images:
        raise _failure(200, read, {}, request.prompt)

    said |= first
    sent = {"size": f"{body['width']}x{body['height']}", **body} if "width" in body else body
    for name in ("size", "quality", "background", "output_format", "seed"):
        used = str(said.get(name) if _is_short(said.get(name)) else None).lower().replace("jpg", "jpeg")[:40]
        if name in sent and used not in ("none", "auto", str(sent[name])):
            warnings.append(ImageWarning(name, f"The service used {used}, not {sent[name]}.", type="other"))
    return ImageResult(
        images[0],
        revised_prompt=_text(said.get("revised_prompt")),
        seed=said["seed"] if type(said.get("seed")) is int else None,
        seed_sent="seed" in body,
        model=_text(said.get("model")),
        request_id=reply.request_id,
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


def _failure(status: int, reply: Any, headers: Any, prompt: str) -> Exception:
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
