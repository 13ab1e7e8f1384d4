"""OpenAI's Images API, and the servers that speak it: Azure, LocalAI, Together, vLLM-Omni, xAI.

Such a server is this provider under another name, with a `base_url` and its own `models` in the settings;
`Settings` has the keys for where it differs.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from limner import (
    Category,
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
    hookimpl,
    shared,
)

HOME = "https://api.openai.com/v1"
DEFAULT_SIZE = Size(1024, 1024)


class GptImageOptions(Options):
    """What every GPT image model takes; an option at its default is not sent."""

    quality: Literal["auto", "low", "medium", "high"] = "auto"
    background: Literal["auto", "opaque", "transparent"] = "auto"
    """Transparent goes with PNG and WebP."""
    output_format: Literal["auto", "png", "webp", "jpeg"] = "auto"
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """0 to 100, for JPEG and WebP."""
    moderation: Literal["auto", "low"] = "auto"
    """Low filters less."""


class FinerOptions(GptImageOptions):
    """Those with two more steps of quality."""

    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] = "auto"  # pyright: ignore[reportIncompatibleVariableOverride]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How a compatible server differs from OpenAI: the settings of a provider that `uses` this one."""

    seed: Literal["body", "none"] | None = None
    """Whether a seed is sent; for None it is, but to OpenAI and to GPT image models."""
    size: Literal["size", "width-height", "none"] = "size"
    """``size: "1024x1024"``, two numbers (Together), or nothing (xAI)."""
    response_format: Literal["b64_json", "base64", "url"] | None = None
    """What to ask for; GPT image models refuse it and are not asked."""
    api_key_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    """Carries the key in place of ``Authorization``, such as ``api-key`` (Azure)."""
    api_version: str | None = None
    """Azure's, beside a deployment path in `base_url`."""


# From the SDK's ImageGenerateParams, which names only the standard sizes for 2.6. OpenAI's guide adds that a
# free size has 655,360 pixels or more, which a SizeRange cannot say: that leaves no side shorter than 480.
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
    """States what OpenAI offers, and what holds for any other model of a compatible server."""
    return ProviderInfo(
        label="OpenAI",
        about="Made by OpenAI's image models, or by a server that speaks the same API.",
        models=_MODELS,
        other_models=ModelInfo(id="any", sizes=_ANY, seed=True, negative_prompt=True, options=FinerOptions),
        options=GptImageOptions,
        credential=Credential(variable="OPENAI_API_KEY", url="https://platform.openai.com/api-keys"),
        paid=True,
        home="https://developers.openai.com/api/docs/guides/image-generation",
        base_url_variable="OPENAI_BASE_URL",
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Asks for one picture, once: it is never sent again, since what is lost may have been billed."""
    settings = _settings(dict(request.settings))
    body, warnings = _body(request, settings)
    request.report("waiting for the service")
    return _result(await _ask(request, settings, body), body, warnings)


def _settings(settings: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(settings)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        unknown = wrong["type"] == "extra_forbidden"
        why = f"does not exist: there are {', '.join(Settings.model_fields)}" if unknown else wrong["msg"]
        words = f"The provider's setting {wrong['loc'][0]} is wrong: {why}."
        raise ProviderError("invalid-request", words, did_not_run=True) from error


def _body(request: ImageRequest, settings: Settings) -> tuple[dict[str, Any], list[ImageWarning]]:
    """Puts a request into the API's words; what has to be left out becomes a warning."""
    is_gpt_image = "gpt-image" in request.model
    is_openai = re.match(r"https?://[\w.-]+\.openai\.com(?![\w.-])", request.base_url or HOME)
    takes_seed = settings.seed == "body" or (settings.seed is None and not is_gpt_image and not is_openai)
    body = {name: value for name, value in request.options if value != "auto"}
    body |= {"seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {"response_format": None if is_gpt_image else settings.response_format}
    body = {name: value for name, value in body.items() if value is not None}
    left_out: dict[str, str] = {}

    if body.get("background") == "transparent" and body.get("output_format") == "jpeg":
        words = "A JPEG cannot be transparent: choose PNG or WebP, or another background."
        raise ProviderError("invalid-request", words, did_not_run=True)
    if body.get("output_format") not in ("jpeg", "webp") and body.pop("output_compression", None) is not None:
        left_out["output_compression"] = "Compression is for JPEG and WebP"
    if request.size and settings.size == "size":
        body["size"] = str(request.size)
    elif request.size and settings.size == "width-height":
        body |= request.size._asdict()
    elif request.size and request.size != DEFAULT_SIZE:  # nobody asked for the default
        left_out["size"] = f"The service decides the size by itself, not {request.size}"
    if not takes_seed and body.pop("seed", None) is not None:
        left_out["seed"] = "The service takes no seed"
    return body, [ImageWarning(name, f"{why}; it was left out.") for name, why in left_out.items()]


async def _ask(request: ImageRequest, settings: Settings, body: dict[str, Any]) -> Any:
    """Sends one request, and gives the raw reply: the SDK fills its own types without a check."""
    if "openai" not in sys.modules:
        await asyncio.to_thread(__import__, "openai")  # would hold the loop for half a second
    import openai

    key = request.credential.get_secret_value() if request.credential else ""
    if not (key.isascii() and key.isprintable()):
        raise ProviderError("auth", "The key has characters that no key has.", did_not_run=True)
    base_url = request.base_url or HOME

    def connect() -> openai.AsyncOpenAI:
        http = openai.DefaultAsyncHttpxClient(follow_redirects=False)  # no other host gets prompt and key
        client = openai.AsyncOpenAI(api_key=key or "none", base_url=base_url, max_retries=0, http_client=http)
        client.organization = client.project = None  # the SDK takes them from the environment
        return client

    # sent with the request, because OPENAI_CUSTOM_HEADERS would stand over the client's own key
    headers: dict[str, str | openai.Omit] = {"Authorization": openai.Omit()}
    if key:
        named = settings.api_key_header
        headers |= {named: key} if named else {"Authorization": f"Bearer {key}"}
    try:
        return await shared(("openai", base_url, key), connect).images.with_raw_response.generate(
            prompt=request.prompt,
            model=request.model,
            extra_body=body,
            extra_headers=headers,
            extra_query={"api-version": settings.api_version} if settings.api_version else None,
            timeout=openai.Timeout(request.timeout, connect=min(10, request.timeout)),
        )
    except openai.APIStatusError as error:
        raise _failure(error.status_code, _read(error.response.content), error.response.headers) from error
    except openai.OpenAIError as error:
        raise _failure(200, None, {}, type(error.__cause__).__name__, type(error).__name__) from error


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _result(reply: Any, body: dict[str, Any], warnings: list[ImageWarning]) -> ImageResult:
    """Unwraps the picture, and keeps what the service says beside it: claims, not facts."""
    said = _object(read := _read(reply.content))
    data = said.get("data")
    first = _object(data[0]) if isinstance(data, list) and data else {}
    if False in (said.get("respect_moderation"), first.get("respect_moderation")):  # xAI refuses with a 200
        raise ContentFiltered(_words(said))
    image = _text(first.get("b64_json")) or _text(first.get("url"))
    if image is None:
        raise _failure(200, read, {}) if said.get("error") else ProviderError("bad-response", _words(read))

    said |= first
    sent = {"size": f"{body['width']}x{body['height']}", **body} if "width" in body else body
    for name in ("size", "quality", "background", "output_format", "seed"):
        used = str(said.get(name)).lower().replace("jpg", "jpeg")[:40]
        if name in sent and used not in ("none", "auto", str(sent[name])):
            warnings.append(ImageWarning(name, f"The service used {used}, not {sent[name]}.", type="other"))
    more = said.keys() - {"data", "b64_json", "url", "revised_prompt", "seed", "model", "usage"}
    return ImageResult(
        image,
        revised_prompt=_text(said.get("revised_prompt")),
        seed=said["seed"] if isinstance(said.get("seed"), int) else None,
        model=_text(said.get("model")),
        request_id=reply.request_id,
        usage=_object(said.get("usage")),
        metadata={k: said[k] for k in sorted(more) if said[k] is not None and len(str(said[k])) < 1000},
        warnings=warnings,
    )


_FILTERED = {"moderation_blocked", "content_policy_violation"}
_FILTERED |= {"content_filter", "contentFilter", "ResponsibleAIPolicyViolation"}  # Azure
# The category, whether it certainly did not run, and its signs: the service's codes, HTTP statuses (2 to 5
# are the rest of their hundred), and the SDK's errors, where the one of its HTTP library inside says more.
_VERDICTS: tuple[tuple[Category, bool, tuple[str | int, ...]], ...] = (
    ("quota", True, ("insufficient_quota", "project_spend_limit_exceeded", "billing_hard_limit_reached")),
    ("quota", True, (402,)),
    ("auth", True, ("invalid_api_key", 401, 403)),
    ("rate-limit", True, ("rate_limit_exceeded", 429)),
    ("invalid-request", True, ("model_not_found", 400, 404, 405, 410, 413, 415, 422)),
    ("unavailable", True, ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", 503)),
    ("unavailable", False, ("APIConnectionError", 5)),
    ("timeout", False, ("APITimeoutError", 408)),
    ("bad-response", False, ("DecodingError", 2, 3)),
    ("provider", False, (4,)),
)
_WITHOUT_CODE = (  # what servers such as xAI say in words only
    (re.compile(r"guidelines|content (policy|moderation)|safety system", re.IGNORECASE), "content_filter"),
    (re.compile(r"(incorrect|invalid) api key", re.IGNORECASE), "invalid_api_key"),
)


def _failure(status: int, reply: Any, headers: Any, *signs: str | int) -> Exception:
    """Classifies a failure: by its codes, by its words where it has none, by its status."""
    error = _object(reply).get("error") or reply
    about, words = _object(error), _words(error)
    inner = _object(about.get("inner_error") or about.get("innererror"))  # Azure spells it both ways
    code = str(about.get("code") or "")
    signs += (code, str(inner.get("code")), str(about.get("type")))
    if (not code or code.isdecimal()) and status in (200, 400, 403, 422):
        signs += tuple(sign for pattern, sign in _WITHOUT_CODE if pattern.search(words or ""))
    if _FILTERED.intersection(signs):
        details, results = about.get("moderation_details"), _object(inner.get("content_filter_results"))
        found = [_object(details).get("moderation_stage"), *(_object(details).get("categories") or ())]
        found += [name for name, result in results.items() if _object(result).get("filtered")]
        why = ", ".join(filter(None, map(_text, found)))
        return ContentFiltered(f"{words or ''} ({why})".strip() if why else words)
    status = int(code) if status == 200 and code.isdecimal() else status
    signs += (status, status // 100)
    category, did_not_run, _ = next((row for s in signs for row in _VERDICTS if s in row[2]), _VERDICTS[-1])
    retry_after = _retry_after(headers) if category in ("rate-limit", "unavailable") else None
    return ProviderError(category, words, retry_after=retry_after, did_not_run=did_not_run)


def _words(reply: Any) -> str | None:
    """Finds the sentence for a person in an error of any server: a text, a page, an object or a list."""
    if isinstance(reply, str):
        title = re.search(r"<title[^>]*>([^<]*)", reply, re.IGNORECASE)
        text = title[1] if title else "" if reply.lstrip().startswith("<") else reply
        return text.strip()[:1000] or None
    if isinstance(reply, dict):
        reply = [reply.get(key) for key in ("message", "error", "detail", "msg")]
    return next(filter(None, map(_words, reply)), None) if isinstance(reply, list) else None


def _retry_after(headers: Any) -> float | None:
    """Reads the wait in seconds from `retry-after-ms`, or from `retry-after`: seconds or a date."""
    now = time.time()
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        with suppress(ValueError):
            wait = headers.get(name, "")
            seconds = parsedate_to_datetime(wait).timestamp() - now if "," in wait else float(wait) / unit
            if abs(seconds) < 1e9:  # neither infinite nor not a number
                return max(0.0, seconds)
    return None
