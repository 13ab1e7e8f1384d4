"""The hosted services of the recipes, each as its documentation and its clients describe it."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

from pydantic import Field

from limner.testing import Reply, Request
from tests.recipes.service import (
    PICTURE,
    Asked,
    Body,
    Service,
    Trouble,
    Wrong,
    bytes_of,
    check_path,
    given,
    in_trouble,
    link_to_picture,
    openai_error,
    read_form,
)


class ImageUrl(Body):
    url: str


class ImagePart(Body):
    type: Literal["image_url"]
    image_url: ImageUrl


class OpenRouterBody(Body):
    model: str
    prompt: str
    n: int = 1
    aspect_ratio: str | None = None
    resolution: str | None = None
    quality: str | None = None
    background: str | None = None
    seed: int | None = None
    input_references: list[ImagePart] | None = None


WIDE = "1:1 2:3 3:2 3:4 4:3 9:16 16:9 21:9"
WIDER = f"{WIDE} 4:5 5:4"
OPENROUTER_MODELS: dict[str, tuple[int, dict[str, str]]] = {
    "google/gemini-3.1-flash-image": (
        14,
        {"aspect_ratio": f"{WIDER} 1:4 4:1 1:8 8:1", "resolution": "512 1K 2K 4K"},
    ),
    "google/gemini-3-pro-image": (14, {"aspect_ratio": WIDER, "resolution": "1K 2K 4K"}),
    "openai/gpt-image-2.5-sunburst": (
        16,
        {
            "aspect_ratio": f"{WIDE} auto",
            "quality": "auto low medium high xhigh max",
            "background": "auto transparent opaque",
        },
    ),
    "black-forest-labs/flux.2-pro": (8, {"aspect_ratio": f"{WIDE} auto", "seed": ""}),
    "bytedance-seed/seedream-4.5": (
        14,
        {"aspect_ratio": f"{WIDER} 9:21 auto", "resolution": "1K 2K 4K", "seed": ""},
    ),
}
"""How many pictures each model takes, and its `supported_parameters` with the values, if they are listed."""


class OpenRouter(Service):
    """Each model has fields of its own, and another one is refused."""

    recipe = "openrouter"
    models = tuple(OPENROUTER_MODELS)
    troubles = in_trouble(
        refusal=openai_error(
            403,
            "Your request was flagged by the provider's moderation.",
            code=403,
            metadata={"reasons": ["violence"], "provider_name": "OpenAI"},
        ),
        empty_account=openai_error(
            402,
            "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
            code=402,
            metadata={
                "limit_source": "openrouter_credits",
                "remedy_hint": "Add credits, or lower the prompt's size to fit your remaining balance.",
            },
        ),
        wrong_key=openai_error(401, "User not found.", code=401),
        rate_limit=openai_error(
            429,
            "Rate limit exceeded: free-models-per-min.",
            code=429,
            metadata={"headers": {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0"}},
        ),
        wrong_model=openai_error(404, "No image model found for test/none.", code=404),
        others={
            "not valid": Trouble(
                "invalid-request",
                openai_error(400, "test/none is not a valid model ID", code=400),
            )
        },
    )

    def read(self, request: Request) -> Asked:
        check_path(request, "/api/v1/images")
        body = OpenRouterBody.model_validate_json(request.body)
        most, supported = OPENROUTER_MODELS.get(body.model, (0, {}))
        given_fields = body.model_dump(
            exclude={"model", "prompt", "n", "input_references"}, exclude_none=True
        )
        for name, value in given_fields.items():
            if name not in supported or (supported[name] and value not in supported[name].split()):
                raise Wrong(f"{body.model} does not support {name} {value}.")
        if body.input_references == [] or len(body.input_references or ()) > most:
            raise Wrong(f"{body.model} takes 1 to {most} input_references.")
        options = given(body, "resolution", "quality", "background")
        images = tuple(bytes_of(part.image_url.url) for part in body.input_references or ())
        return Asked(
            body.model, body.prompt, body.aspect_ratio, seed=body.seed, images=images, options=options
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        made = {"b64_json": base64.b64encode(PICTURE).decode(), "media_type": "image/png"}
        return Reply(body={"created": 1, "data": [made], "usage": {"total_tokens": 1290, "cost": 0.067}})

    def refuse(self, words: str) -> Reply:
        return openai_error(400, words, code=400)


class TogetherBody(Body):
    model: str
    prompt: str
    n: int = 1
    width: int = Field(default=1024, ge=256, le=1440, multiple_of=32)
    height: int = Field(default=1024, ge=256, le=1440, multiple_of=32)
    steps: int | None = Field(default=None, ge=1, le=50)
    seed: int | None = None
    negative_prompt: str | None = None
    guidance_scale: float | None = None
    output_format: Literal["jpeg", "png"] | None = None
    response_format: Literal["base64", "url"] = "url"
    image_url: str | None = None
    reference_images: list[str] | None = None


class Together(Service):
    recipe = "together"
    models = (
        "black-forest-labs/FLUX.2-pro",
        "black-forest-labs/FLUX.2-flex",
        "black-forest-labs/FLUX.2-dev",
        "black-forest-labs/FLUX.1-schnell",
        "black-forest-labs/FLUX.1-kontext-pro",
    )
    troubles = in_trouble(
        refusal=openai_error(
            422,
            "NSFW content detected in the generated image. Please modify your prompt.",
            type="invalid_request_error",
            param="prompt",
            code=None,
        ),
        empty_account=openai_error(
            402,
            "Credit limit exceeded, please navigate to https://api.together.ai/settings/billing to add "
            "credit or upgrade your plan.",
            type="credit_limit",
            param=None,
            code=None,
        ),
        wrong_key=openai_error(
            401,
            "Invalid API key provided. You can find your API key at https://api.together.ai/settings/api-keys.",
            type="invalid_request_error",
            param=None,
            code="invalid_api_key",
        ),
        rate_limit=openai_error(
            429,
            "You have been rate limited. Your rate limit is 10 queries per minute.",
            type="rate_limit",
            param=None,
            code=None,
        ),
        wrong_model=openai_error(
            404,
            "Unable to access model test/none. Please visit https://api.together.ai/models to view the list "
            "of supported models.",
            type="invalid_request_error",
            param=None,
            code="model_not_available",
        ),
    )

    def read(self, request: Request) -> Asked:
        check_path(request, "/v1/images/generations")
        body = TogetherBody.model_validate_json(request.body)
        takes_one = "kontext" in body.model
        if (body.reference_images and takes_one) or (body.image_url and not takes_one):
            raise Wrong("The model takes its pictures in the other field.")
        uris = [body.image_url] if body.image_url else body.reference_images or []
        return Asked(
            body.model,
            body.prompt,
            f"{body.width}x{body.height}",
            seed=body.seed,
            images=tuple(map(bytes_of, uris)),
            options=given(body, "steps", "output_format"),
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        wants_base64 = json.loads(request.body).get("response_format") == "base64"
        form = "b64_json" if wants_base64 else "url"
        made = base64.b64encode(PICTURE).decode() if wants_base64 else link_to_picture(request)
        data = [{"index": 0, "type": form, form: made}]
        return Reply(body={"id": "o-1", "model": asked.model, "object": "list", "data": data})


Ratio = Literal[
    "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2",
    "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1", "auto",
]  # fmt: skip


class XaiBody(Body):
    model: str
    prompt: str
    n: int = 1
    aspect_ratio: Ratio | None = None
    resolution: Literal["1k", "2k"] | None = None
    quality: Literal["low", "medium", "high"] | None = None
    response_format: Literal["url", "b64_json"] = "url"


class XaiPicture(Body):
    type: Literal["image_url"]
    url: str


class XaiEdit(XaiBody):
    image: XaiPicture | None = None
    images: list[XaiPicture] | None = None


def xai_error(status: int, code: str, error: str) -> Reply:
    return Reply(status, {"code": code, "error": error})


class Xai(Service):
    recipe = "xai"
    models = ("grok-imagine-image-2.0", "grok-imagine-image")
    troubles = in_trouble(
        refusal=xai_error(
            400,
            "Client specified an invalid argument",
            "Generated image rejected by content moderation.",
        ),
        empty_account=xai_error(
            429,
            "Some resource has been exhausted",
            "Your team has either used all available credits or reached its monthly spending limit. To "
            "continue making API requests, please purchase more credits or raise your spending limit.",
        ),
        wrong_key=xai_error(
            400,
            "Client specified an invalid argument",
            "Incorrect API key provided: no***11. You can obtain an API key from https://console.x.ai.",
        ),
        rate_limit=xai_error(
            429,
            "Some resource has been exhausted",
            "Too many requests for your team and the model. Requests per minute (actual/limit): 301/300",
        ),
        wrong_model=xai_error(
            404,
            "Some requested entity was not found",
            "The model grok-none does not exist or your team does not have access to it. Please ensure "
            "you're using the correct API key.",
        ),
        others={
            "refused afterwards": Trouble(
                "content-filter",
                Reply(body={"data": [{"url": None, "b64_json": None, "respect_moderation": False}]}),
            ),
            "an account without credits": Trouble(
                "quota",
                xai_error(
                    403,
                    "The caller does not have permission to execute the specified operation",
                    "Your newly created team doesn't have any credits or licenses yet. You can purchase "
                    "those on https://console.x.ai.",
                ),
            ),
        },
    )

    def read(self, request: Request) -> Asked:
        path = check_path(request, "/v1/images/generations", "/v1/images/edits")
        edits = path.endswith("edits")
        body = (XaiEdit if edits else XaiBody).model_validate_json(request.body)
        uris: list[str] = []
        if isinstance(body, XaiEdit):
            if (body.image is None) == (body.images is None):
                raise Wrong("Give either image or images.")
            uris = [part.url for part in body.images or filter(None, [body.image])]
            if len(uris) > 3:
                raise Wrong("At most 3 images can be edited at once.")
        return Asked(
            body.model,
            body.prompt,
            body.aspect_ratio,
            images=tuple(map(bytes_of, uris)),
            options=given(body, "resolution", "quality"),
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        made = {"b64_json": base64.b64encode(PICTURE).decode(), "respect_moderation": True}
        return Reply(body={"data": [made], "usage": {"cost_in_usd_ticks": 400_000_000}})

    def refuse(self, words: str) -> Reply:
        return xai_error(422, "Client specified an invalid argument", words)


class SeedreamBody(Body):
    model: str
    prompt: str
    size: str
    image: str | list[str] | None = None
    watermark: bool = True
    response_format: Literal["url", "b64_json"] = "url"
    output_format: Literal["png", "jpeg"] | None = None
    sequential_image_generation: Literal["auto", "disabled"] = "disabled"


class Seedream(Service):
    """Refuses a size by its pixels: too small, or too large."""

    recipe = "seedream"
    models = (
        "dola-seedream-5-0-pro-260628",
        "dola-seedream-5-0-flash-260915",
        "seedream-5-0-260128",
        "seedream-4-5-251128",
    )
    troubles = in_trouble(
        refusal=openai_error(
            400,
            "The request failed because the input text may contain sensitive information. Request id: 02",
            code="InputTextSensitiveContentDetected",
            param="",
            type="BadRequest",
        ),
        empty_account=openai_error(
            403,
            "The request failed because your account has an overdue balance. Request id: 02",
            code="AccountOverdueError",
            param="",
            type="Forbidden",
        ),
        wrong_key=openai_error(
            401,
            "The API key or AK/SK in the request is missing or invalid. Request id: 02",
            code="AuthenticationError",
            param="",
            type="Unauthorized",
        ),
        rate_limit=openai_error(
            429,
            "The request failed because it exceeded the account's images per minute (IPM) limit for the "
            "model. Request id: 02",
            code="ModelAccountIpmRateLimitExceeded",
            param="",
            type="TooManyRequests",
        ),
        wrong_model=openai_error(
            404,
            "The model or endpoint seedream-none does not exist or you do not have access to it. Request "
            "id: 02",
            code="InvalidEndpointOrModel.NotFound",
            param="",
            type="NotFound",
        ),
        others={
            "refused afterwards": Trouble(
                "content-filter",
                openai_error(
                    400,
                    "The request failed because the output image may contain sensitive information.",
                    code="OutputImageSensitiveContentDetected",
                    param="",
                    type="BadRequest",
                ),
            ),
        },
    )

    def read(self, request: Request) -> Asked:
        check_path(request, "/api/v3/images/generations")
        body = SeedreamBody.model_validate_json(request.body)
        width, height = map(int, body.size.split("x"))
        is_pro = body.model.startswith("dola-")
        least, most = (921_600, 4_624_220) if is_pro else (3_686_400, 16_777_216)
        if not least <= width * height <= most or not 1 / 16 <= width / height <= 16:
            raise Wrong(f"The parameter `size` specified in the request is not valid: {body.size}.")
        if body.output_format and "4-5" in body.model:
            raise Wrong("The parameter `output_format` is not supported by the current model.")
        if body.watermark or body.sequential_image_generation != "disabled":
            raise Wrong("Nobody asked for this.")
        uris = [body.image] if isinstance(body.image, str) else body.image or []
        if body.image == [] or len(uris) > (10 if is_pro else 14):
            raise Wrong("The parameter `image` specified in the request is not valid.")
        images = tuple(map(bytes_of, uris))
        return Asked(body.model, body.prompt, body.size, images=images, options=given(body, "output_format"))

    def refuse(self, words: str) -> Reply:
        return openai_error(400, words, code="InvalidParameter", param="", type="BadRequest")


class DashScopeContent(Body):
    text: str | None = None
    image: str | None = None


class DashScopeMessage(Body):
    role: Literal["user"]
    content: list[DashScopeContent]


class DashScopeInput(Body):
    messages: list[DashScopeMessage]


class DashScopeParameters(Body):
    size: str | None = None
    n: int = 1
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    negative_prompt: str | None = None
    prompt_extend: bool = True
    watermark: bool = False


class DashScopeBody(Body):
    model: str
    input: DashScopeInput
    parameters: DashScopeParameters


def dashscope_error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message, "request_id": "7f6"})


class DashScope(Service):
    """Its answer has the address of the picture."""

    recipe = "dashscope"
    models = ("qwen-image-3.0-pro", "qwen-image-3.0", "qwen-image-2.0-pro")
    troubles = in_trouble(
        refusal=dashscope_error(400, "DataInspectionFailed", "Input data may contain inappropriate content."),
        empty_account=dashscope_error(
            400, "Arrearage", "Access denied, please make sure your account is in good standing."
        ),
        wrong_key=dashscope_error(401, "InvalidApiKey", "Invalid API-key provided."),
        rate_limit=dashscope_error(
            429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
        ),
        wrong_model=dashscope_error(404, "ModelNotFound", "Model can not be found."),
        others={
            "an exhausted free tier": Trouble(
                "quota",
                dashscope_error(
                    403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."
                ),
            ),
            "model not exist": Trouble(
                "invalid-request",
                dashscope_error(400, "InvalidParameter", "Model not exist."),
            ),
        },
    )

    def read(self, request: Request) -> Asked:
        check_path(request, "/api/v1/services/aigc/multimodal-generation/generation")
        body = DashScopeBody.model_validate_json(request.body)
        (message,) = body.input.messages
        *images, words = message.content
        if words.text is None or any(part.image is None or part.text is not None for part in images):
            raise Wrong("content must be up to three images and one text.")
        asked = body.parameters
        if asked.size:
            width, height = map(int, asked.size.split("*"))
            if not 512 * 512 <= width * height <= 2560 * 2560 or not 1 / 8 <= width / height <= 8:
                raise Wrong(f"size must be between 512*512 and 2560*2560: {asked.size}")
        return Asked(
            body.model,
            words.text,
            asked.size and asked.size.replace("*", "x"),
            seed=asked.seed,
            negative_prompt=asked.negative_prompt,
            images=tuple(bytes_of(part.image or "") for part in images),
            options=given(asked, "prompt_extend"),
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        message = {"role": "assistant", "content": [{"image": link_to_picture(request)}]}
        return Reply(
            body={
                "output": {"choices": [{"finish_reason": "stop", "message": message}]},
                "usage": {"width": 1024, "height": 1024, "image_count": 1},
                "request_id": "7f6",
            }
        )

    def refuse(self, words: str) -> Reply:
        return dashscope_error(400, "InvalidParameter", words)


class RecraftBody(Body):
    model: str
    prompt: str
    n: int = 1
    size: str | None = None
    style: str | None = None
    negative_prompt: str | None = None
    random_seed: int | None = None
    response_format: Literal["url", "b64_json"] = "url"


class RecraftEdit(Body):
    model: str
    prompt: str
    image_url: str
    strength: float
    n: int = 1
    style: str | None = None
    negative_prompt: str | None = None
    random_seed: int | None = None
    response_format: Literal["url", "b64_json"] = "url"


def recraft_error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message})


V4_SIZES = {
    *("1024x1024", "1536x768", "768x1536", "1280x832", "832x1280", "1216x896", "896x1216", "1152x896"),
    *("896x1152", "832x1344", "1280x896", "896x1280", "1344x768", "768x1344"),
}
PRO_SIZES = {
    *("2048x2048", "3072x1536", "1536x3072", "2560x1664", "1664x2560", "2432x1792", "1792x2432"),
    *("2304x1792", "1792x2304", "1664x2688", "2560x1792", "1792x2560", "2688x1536", "1536x2688"),
}
V3_SIZES = {
    *("1024x1024", "2048x1024", "1024x2048", "1536x1024", "1024x1536", "1365x1024", "1024x1365"),
    *("1280x1024", "1024x1280", "1024x1707", "1434x1024", "1024x1434", "1820x1024", "1024x1820"),
}


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><circle r='9'/></svg>"


class Recraft(Service):
    """A picture that goes in has a path of its own, and then there is no size."""

    recipe = "recraft"
    models = ("recraftv4_1", "recraftv4_1_pro", "recraftv4_1_vector", "recraftv3")
    troubles = in_trouble(
        refusal=recraft_error(
            400, "prompt_moderated", "The prompt was rejected by the content moderation system."
        ),
        empty_account=recraft_error(402, "not_enough_credits", "Not enough credits to generate an image."),
        wrong_key=recraft_error(401, "unauthorized", "The API token is invalid."),
        rate_limit=recraft_error(429, "rate_limit_exceeded", "Too many requests."),
        wrong_model=recraft_error(404, "model_not_found", "Unknown model: recraftnone."),
    )

    def read(self, request: Request) -> Asked:
        if check_path(request, "/v1/images/generations", "/v1/images/imageToImage").endswith("Image"):
            edit = RecraftEdit.model_validate_json(request.body)
            if not 0 <= edit.strength <= 1:
                raise Wrong("strength must be from 0 to 1.")
            return self._asked(edit, None, (bytes_of(edit.image_url),))
        body = RecraftBody.model_validate_json(request.body)
        sizes = PRO_SIZES if body.model.endswith("pro") else V3_SIZES if "v3" in body.model else V4_SIZES
        if body.size and body.size not in sizes:
            raise Wrong(f"Invalid size: {body.size}.")
        return self._asked(body, body.size, ())

    def _asked(self, body: RecraftBody | RecraftEdit, size: str | None, images: tuple[bytes, ...]) -> Asked:
        if body.model.startswith("recraftv4") and (body.style or body.negative_prompt):
            raise Wrong("Neither style nor negative_prompt is supported by this model.")
        return Asked(
            body.model,
            body.prompt,
            size,
            seed=body.random_seed,
            negative_prompt=body.negative_prompt,
            images=images,
            options=given(body, "style"),
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        made = SVG if asked.model.endswith("vector") else PICTURE
        data = [{"image_id": "6b1", "b64_json": base64.b64encode(made).decode()}]
        return Reply(body={"created": 1, "credits": 40, "data": data})

    def refuse(self, words: str) -> Reply:
        return recraft_error(400, "invalid_request", words)


class DeepInfraBody(Body):
    model: str
    prompt: str
    n: int = 1
    size: str = "1024x1024"
    response_format: Literal["b64_json"] = "b64_json"


class DeepInfra(Service):
    """Pictures go in as files, one at a time."""

    recipe = "deepinfra"
    models = (
        "black-forest-labs/FLUX-2-pro",
        "black-forest-labs/FLUX-2-dev",
        "black-forest-labs/FLUX-2-klein-4b",
        "Qwen/Qwen-Image-Edit",
    )
    troubles = in_trouble(
        refusal=openai_error(
            422,
            "The request was rejected by the content moderation of the model.",
            type="invalid_request_error",
        ),
        empty_account=Reply(402, {"detail": {"error": "inference prohibited, insufficient balance"}}),
        wrong_key=Reply(401, {"detail": {"error": "User is not authenticated."}}),
        rate_limit=openai_error(429, "Rate limited", type="rate_limit"),
        wrong_model=openai_error(
            404,
            "The model `test/none` does not exist",
            type="invalid_request_error",
            code="model_not_found",
        ),
    )

    def read(self, request: Request) -> Asked:
        path = check_path(request, "/v1/openai/images/generations", "/v1/openai/images/edits")
        if path.endswith("generations"):
            body = DeepInfraBody.model_validate_json(request.body)
            if body.model == "Qwen/Qwen-Image-Edit":
                raise Wrong("This model needs a picture.")
            return self._asked(body.model, body.prompt, body.size, ())
        form = read_form(request)
        texts = form.take(
            {**dict.fromkeys(("model", "prompt", "size", "response_format"), str), "n": int},
        )
        if len(form.files) != 1 or not form.file("image"):
            raise Wrong("There must be one image.")
        return self._asked(texts["model"], texts["prompt"], texts["size"], form.file("image"))

    def _asked(self, model: str, prompt: str, size: str, images: tuple[bytes, ...]) -> Asked:
        if any(int(side) % 32 or not 256 <= int(side) <= 1440 for side in size.split("x")):
            raise Wrong(f"Invalid size: {size}")
        return Asked(model, prompt, size, images=images)


class FireworksBody(Body):
    prompt: str
    aspect_ratio: Literal["1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4"] = (
        "16:9"
    )
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None


class Fireworks(Service):
    """The model is in the path; the answer is JSON, or the picture itself for a client that asks for it."""

    recipe = "fireworks"
    models = (
        "accounts/fireworks/models/flux-1-schnell-fp8",
        "accounts/fireworks/models/flux-1-dev-fp8",
    )
    troubles = in_trouble(
        refusal=Reply(
            body={"id": "1", "base64": [""], "finishReason": "CONTENT_FILTERED", "seed": 7},
            headers={"finish-reason": "CONTENT_FILTERED"},
        ),
        empty_account=openai_error(
            412,
            "Account test is suspended, possibly due to reaching the monthly spending limit or failure to "
            "pay past invoices. Please go to https://fireworks.ai/account/billing for more information.",
            object="error",
            type="invalid_request_error",
            code="PRECONDITION_FAILED",
        ),
        wrong_key=openai_error(
            401,
            "The API key you provided is invalid.",
            object="error",
            type="invalid_request_error",
            code="UNAUTHORIZED",
        ),
        rate_limit=openai_error(
            429,
            "Rate limit exceeded, please try again later.",
            object="error",
            type="rate_limit_error",
            code="RATE_LIMIT_EXCEEDED",
        ),
        wrong_model=openai_error(
            404,
            "Model not found, inaccessible, and/or not deployed",
            object="error",
            type="invalid_request_error",
            code="NOT_FOUND",
        ),
    )

    def read(self, request: Request) -> Asked:
        base, end = "/inference/v1/workflows/", "/text_to_image"
        path = request.path
        if not (path.startswith(base) and path.endswith(end)):
            raise Wrong(f"There is nothing at {path}.")
        body = FireworksBody.model_validate_json(request.body)
        options = given(body, "num_inference_steps", "guidance_scale")
        model = path.removeprefix(base).removesuffix(end)
        return Asked(model, body.prompt, body.aspect_ratio, seed=body.seed, options=options)

    def reply(self, request: Request, asked: Asked) -> Reply:
        if request.headers.get("accept", "").startswith("image/"):
            return Reply(body=PICTURE, headers={"content-type": "image/png", "finish-reason": "SUCCESS"})
        uri = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
        said: dict[str, Any] = {"id": "1", "base64": [uri], "finishReason": "SUCCESS"}
        return Reply(body=said | ({"seed": asked.seed} if asked.seed is not None else {}))


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
    """The deployment is in the path, the key in a header of its own, and the version in the query."""

    recipe = "azure"
    models = ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst")
    troubles = in_trouble(
        refusal=openai_error(
            400,
            "Your request was rejected as a result of our safety system.",
            type="invalid_request_error",
            code="content_policy_violation",
            inner_error={
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_results": {"violence": {"filtered": True, "severity": "medium"}},
            },
        ),
        empty_account=openai_error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            type="insufficient_quota",
            code="insufficient_quota",
        ),
        wrong_key=openai_error(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
            "valid key for an active subscription and use a correct regional API endpoint for your resource.",
            code="401",
        ),
        rate_limit=openai_error(
            429,
            "Your requests have exceeded the call rate limit. Please retry after 8 seconds.",
            code="RateLimitReached",
        ),
        wrong_model=openai_error(
            404,
            "The API deployment for this resource does not exist. If you created the deployment within the "
            "last 5 minutes, please wait a moment and try again.",
            code="DeploymentNotFound",
        ),
    )

    def key_of(self, request: Request) -> str:
        return request.headers.get("api-key", "")

    def companions_of(self, option: str) -> dict[str, Any]:
        return {"output_format": "jpeg"} if option == "output_compression" else {}

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


HOSTED: tuple[type[Service], ...] = (
    *(OpenRouter, Together, Xai, Seedream, DashScope, Recraft, DeepInfra, Fireworks, Azure),
)
