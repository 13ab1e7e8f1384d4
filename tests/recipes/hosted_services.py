"""The hosted services of the recipes, each as its documentation and its clients describe it."""

from __future__ import annotations

from typing import Literal

from limner.testing import Reply, Request
from tests.recipes.service import Asked, Body, Service, Wrong, check_path, given, read_form

GPT_OPTIONS = ("quality", "background", "output_format", "output_compression", "moderation")


class GptImageBody(Body):
    prompt: str
    model: str | None = None
    n: int = 1
    size: str = "auto"
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] = "auto"
    background: Literal["auto", "opaque", "transparent"] = "auto"
    output_format: Literal["png", "webp", "jpeg"] = "png"
    output_compression: int = 100
    moderation: Literal["auto", "low"] = "auto"


class Azure(Service):
    recipe = "azure"
    models = ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst")
    companions = {"output_compression": {"output_format": "jpeg"}}
    troubles = {
        "refusal": Reply(
            400,
            {
                "error": {
                    "code": "content_policy_violation",
                    "inner_error": {
                        "code": "ResponsibleAIPolicyViolation",
                        "content_filter_results": {"violence": {"filtered": True, "severity": "medium"}},
                    },
                    "message": "Your request was rejected as a result of our safety system.",
                    "type": "invalid_request_error",
                }
            },
        ),
        "empty account": Reply(
            429,
            {
                "error": {
                    "code": "insufficient_quota",
                    "message": "You exceeded your current quota, please check your plan and billing details.",
                }
            },
        ),
        "wrong key": Reply(
            401,
            {
                "error": {
                    "code": "401",
                    "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure "
                    "to provide a valid key for an active subscription and use a correct regional API "
                    "endpoint for your resource.",
                }
            },
        ),
        "rate limit": Reply(
            429,
            {
                "error": {
                    "code": "RateLimitReached",
                    "message": "Your requests have exceeded the call rate limit. Please retry after 8 seconds.",
                }
            },
            headers={"retry-after": "8"},
        ),
        "wrong model": Reply(
            404,
            {
                "error": {
                    "code": "DeploymentNotFound",
                    "message": "The API deployment for this resource does not exist. If you created the "
                    "deployment within the last 5 minutes, please wait a moment and try again.",
                }
            },
        ),
    }

    def key_of(self, request: Request) -> str:
        return request.headers.get("api-key", "")

    def read(self, request: Request) -> Asked:
        base, _, query = request.path.partition("?")
        if query != "api-version=2025-04-01-preview":
            raise Wrong("Missing required query parameter: api-version.")
        deployment = base.removeprefix("/openai/deployments/").partition("/")[0]
        paths = [f"/openai/deployments/{deployment}/images/{what}" for what in ("generations", "edits")]
        if check_path(request, *paths) == paths[0]:
            body = GptImageBody.model_validate_json(request.body)
            return Asked(deployment, body.prompt, body.size, options=given(body, *GPT_OPTIONS))
        form = read_form(request)
        texts = form.take(
            {
                **dict.fromkeys(("prompt", "model", "size", "quality", "background", "output_format"), str),
                **dict.fromkeys(("n", "output_compression"), int),
            }
        )
        options = {name: texts[name] for name in GPT_OPTIONS if name in texts}
        images, mask = form.file("image", "image[]"), (*form.file("mask"), None)[0]
        if not images:
            raise Wrong("Missing required parameter: image.")
        size = texts.get("size")
        return Asked(deployment, texts["prompt"], size, images=images, mask=mask, options=options)


HOSTED: tuple[type[Service], ...] = (Azure,)
