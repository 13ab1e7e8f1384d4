"""The connection to a server: one request, sent once, and what is wrong if no answer comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from limner import ACCEPTED, KEEPALIVE, ImageRequest, ProviderError, read_bounded, read_reply, shared_async
from providers.openai.answer import failure_of
from providers.openai.body import body_of, path_of
from providers.openai.pictures import files_of, goes_as_files, in_pieces, json_of
from providers.openai.settings import HOME, Settings


async def ask(request: ImageRequest, settings: Settings, fields: dict[str, Any]) -> Any:
    """Sends one request for a picture, and returns the raw reply."""
    request.report("waiting for the service")
    sent = () if request.images else (*body_of(request, settings, fields),)
    return await send(request, settings, partial(_send, request, settings, fields), sent)


async def send(
    request: ImageRequest, settings: Settings, post: Callable[[Any, Any], Any], sent: Sequence[str] = ()
) -> Any:
    """Has `post` send something, with a client and the options of the SDK, and returns the raw reply.

    The SDK would fill its own types without a check. `sent` names the fields for the failure.
    """
    key, base_url = request.key_for_header(), request.base_url or HOME
    client = await shared_async(("openai", base_url, key), partial(_connect, base_url, key))
    import openai

    # sent with the request, because OPENAI_CUSTOM_HEADERS would override the client's own key
    headers: dict[str, str | openai.Omit] = {"Authorization": openai.Omit()}
    if key:
        named = settings.api_key_header
        headers |= {named: key} if named else {"Authorization": f"Bearer {key}"}
    options = {
        "headers": headers,
        "params": {"api-version": settings.api_version} if settings.api_version else {},
        "timeout": openai.Timeout(request.timeout, connect=min(10, request.timeout)),
    }
    try:
        return await post(client, options)
    except openai.APIStatusError as error:
        reply = read_reply(error.response.content)
        failure = failure_of(error.status_code, reply, error.response.headers, request.prompt)
        failure.sent = sent
        raise failure from error
    except openai.APIConnectionError as error:
        raise _lost(error) from error
    except openai.OpenAIError as error:
        raise ProviderError("bad-response") from error


async def _send(
    request: ImageRequest, settings: Settings, fields: dict[str, Any], client: Any, options: dict[str, Any]
) -> Any:
    """Sends the request: without pictures, with them as files, or with them in its JSON."""
    from httpx2 import Response

    post = partial(client.post, path_of(request, settings), cast_to=Response)
    whole = partial(body_of, request, settings, fields)
    if not request.images:
        return await post(body=whole(), options=options)
    if goes_as_files(request, settings):
        options["headers"] |= {"Content-Type": "multipart/form-data"}
        return await post(body=whole(), files=files_of(request), options=options)
    content = await json_of(request, settings, whole)
    options["headers"] |= {"Content-Length": str(len(content))}
    return await post(content=in_pieces(content), options=options)


def _connect(base_url: str, key: str) -> Any:
    """Builds a client, in a thread: importing the SDK and reading certificates take half a second."""
    from httpcore2 import AsyncHTTP11Connection
    from httpx2 import Limits

    import openai

    # as much as asyncio reads at once: the rest would be copied again with each piece that is taken
    setattr(AsyncHTTP11Connection, "READ_NUM_BYTES", 256 * 1024)  # noqa: B010 (typed as 64 kB and no other)
    limits = Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE)
    bounds: dict[str, Any] = {
        "event_hooks": {"response": [read_bounded]},
        "headers": ACCEPTED,
        "limits": limits,
    }
    http = openai.DefaultAsyncHttpxClient(follow_redirects=False, **bounds)  # no other host gets the key
    client = openai.AsyncOpenAI(api_key=key or "none", base_url=base_url, max_retries=0, http_client=http)
    client.organization = client.project = None  # the SDK takes them from the environment
    return client


def _lost(error: Exception) -> ProviderError:
    """Returns the failure of a request without an answer; the error of the HTTP library inside says more."""
    cause = type(error.__cause__).__name__
    if cause in ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"):
        return ProviderError("unavailable", did_not_run=True)
    if cause == "DecodingError":
        return ProviderError("bad-response")
    return ProviderError("timeout" if type(error).__name__ == "APITimeoutError" else "unavailable")
