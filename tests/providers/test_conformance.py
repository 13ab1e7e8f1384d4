"""The built-in providers keep the contract: they pass the suite that is made for third parties."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from limner.errors import CATEGORIES
from limner.testing import Loopback, ProviderSuite, Reply, Request, picture


class TestSketch(ProviderSuite):
    plugin = "providers.sketch"
    failures: ClassVar = {category: {"outcome": category} for category in ("content-filter", *CATEGORIES)}
    slow_options: ClassVar = {"outcome": "slow-picture"}


def openai_error(
    status: int, code: str | None = None, message: str = "It was not done.", **more: Any
) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, **more}})


class TestOpenAI(ProviderSuite):
    plugin = "providers.openai"
    base_path = "/v1"
    failures: ClassVar = {
        "content-filter": [
            openai_error(400, "moderation_blocked", type="image_generation_user_error"),
            openai_error(400, "content_policy_violation"),
            openai_error(400, "content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
            Reply(403, {"error": "This goes against the content guidelines."}),
            Reply(200, {"data": [{"url": "", "respect_moderation": False}]}),
        ],
        "auth": [openai_error(401, "invalid_api_key"), openai_error(403)],
        "quota": [
            openai_error(429, "insufficient_quota"),
            openai_error(400, "billing_hard_limit_reached"),
            Reply(402),
        ],
        "rate-limit": Reply(429, {"error": {"code": "rate_limit_exceeded"}}, {"Retry-After": "8"}),
        "invalid-request": [openai_error(400, "invalid_value"), openai_error(404, "model_not_found")],
        "unavailable": [openai_error(500), openai_error(503)],
        "bad-response": [Reply(200, {"data": []}), Reply(200, {"data": None})],
    }

    def answer(self, request: Request) -> Reply:
        return Reply(body={"created": 1, "data": [{"b64_json": base64.b64encode(picture()).decode()}]})


def gemini_error(status: int, code: str, message: str, **more: Any) -> Reply:
    return Reply(status, {"error": {"code": status, "message": message, "status": code, **more}})


def gemini_end(reason: str, **more: Any) -> Reply:
    return Reply(body={"candidates": [{"content": {"role": "model"}, "finishReason": reason, **more}]})


class TestGemini(ProviderSuite):
    plugin = "providers.gemini"
    failures: ClassVar = {
        "content-filter": [
            *map(gemini_end, ("IMAGE_SAFETY", "PROHIBITED_CONTENT", "SAFETY", "IMAGE_RECITATION")),
            Reply(body={"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        ],
        "auth": [
            gemini_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            gemini_error(403, "PERMISSION_DENIED", "Your API key was reported as leaked."),
        ],
        "quota": gemini_error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
        "rate-limit": gemini_error(
            429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: requests. Please retry in 8s."
        ),
        "invalid-request": gemini_error(404, "NOT_FOUND", "models/x is not found for API version v1beta."),
        "unavailable": [gemini_error(500, "INTERNAL", "An internal error has occurred."), Reply(503)],
        "provider": gemini_end("NO_IMAGE"),
        "bad-response": Reply(body={"candidates": []}),
    }

    def answer(self, request: Request) -> Reply:
        data = {"mimeType": "image/png", "data": base64.b64encode(picture()).decode()}
        return Reply(body={"candidates": [{"content": {"parts": [{"inlineData": data}]}}]})


ID = "rrr4z55ocneqzikepnug6xezpe"


def prediction(status: str, **more: Any) -> dict[str, Any]:
    """A prediction of Replicate's, as its API sends it."""
    url = f"https://api.replicate.com/v1/predictions/{ID}"
    urls = {"get": url, "cancel": f"{url}/cancel"}
    made = {"created_at": "2026-11-22T20:00:00.000Z", "version": "hidden", "input": {}, "logs": ""}
    output = "https://replicate.delivery/xezq/out-0.webp" if status == "succeeded" else None
    return {
        "id": ID,
        "model": "a/b",
        "status": status,
        "output": output,
        "urls": urls,
        "error": None,
        **made,
        **more,
    }


UPLOADED = {
    "id": "f1",
    "name": "photo.png",
    "content_type": "image/png",
    "size": 1,
    "etag": "",
    "checksums": {},
    "metadata": {},
    "created_at": "2026-11-22T20:00:00.000Z",
    "urls": {"get": "https://api.replicate.com/v1/files/f1"},
}
"""A file at Replicate, in the form of which a larger picture goes in."""


class TestReplicate(ProviderSuite):
    plugin = "providers.replicate"
    failures: ClassVar = {
        "content-filter": [
            Reply(201, prediction("failed", error="NSFW content detected. Try another prompt.")),
            Reply(201, prediction("failed", error="It was flagged as sensitive. (E005)")),
        ],
        "auth": Reply(401, {"title": "Unauthenticated", "detail": "Invalid token.", "status": 401}),
        "quota": Reply(402, {"title": "Payment required", "detail": "No credit is left.", "status": 402}),
        "rate-limit": Reply(429, {"detail": "Request was throttled, resets in ~5s.", "status": 429}),
        "invalid-request": Reply(422, {"title": "Input failed", "detail": "- steps is wrong", "status": 422}),
        "provider": Reply(201, prediction("failed", error="CUDA out of memory")),
        "bad-response": Reply(201, prediction("succeeded", output=[])),
    }

    def answer(self, request: Request) -> Reply:
        return Reply(201, UPLOADED if request.path.startswith("/v1/files") else prediction("succeeded"))

    def answer_slowly(self, request: Request) -> Reply:
        if request.path.startswith("/v1/files"):
            return Reply(201, UPLOADED)
        return Reply(200, prediction("canceled" if request.path.endswith("/cancel") else "processing"))

    def saw_cancellation(self, service: Loopback, earlier: Sequence[Request]) -> bool:
        return any(request.path.endswith(f"/{ID}/cancel") for request in service.requests)


JOB = "https://queue.fal.run/fal-ai/flux/requests/80e732af"


def fal_job(request: Request, last: Reply) -> Reply:
    """Plays fal's queue: a job is accepted, over at the first look, and then has its last answer."""
    if request.method == "POST":
        links = {"status_url": f"{JOB}/status", "response_url": JOB, "cancel_url": f"{JOB}/cancel"}
        return Reply(body={"request_id": "80e732af", "status": "IN_QUEUE", "queue_position": 0, **links})
    return Reply(body={"status": "COMPLETED"}) if "/status" in request.path else last


def fal_error(status: int, type: str, message: str) -> Callable[[Request], Reply]:
    body = {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": type}]}
    return lambda request: fal_job(request, Reply(status, body))


class TestFal(ProviderSuite):
    plugin = "providers.fal"
    failures: ClassVar = {
        "content-filter": [
            fal_error(422, "content_policy_violation", "The content was flagged by a content checker."),
            lambda request: fal_job(
                request, Reply(body={"images": [{"url": "/a.png"}], "has_nsfw_concepts": [True]})
            ),
        ],
        "auth": [Reply(401, {"detail": "No user found for Key ID and Secret"}), Reply(403)],
        "quota": [
            Reply(403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance."}),
            Reply(403, {"detail": "User is locked. Reason: TOP_UP."}),
            Reply(402),
        ],
        "rate-limit": Reply(429, {"detail": "Too many requests"}, {"Retry-After": "8"}),
        "invalid-request": [
            fal_error(422, "less_than_equal", "Input should be less than or equal to 12"),
            Reply(404, {"detail": "Application 'nope' not found"}),
        ],
        "timeout": Reply(408),
        "unavailable": [
            Reply(503, {"detail": "Service unavailable"}),
            lambda request: fal_job(
                request, Reply(504, {"detail": "Request timed out", "error_type": "request_timeout"})
            ),
        ],
        "bad-response": lambda request: fal_job(request, Reply(body={"images": []})),
        "provider": lambda request: fal_job(request, Reply(body={"error": "CUDA out of memory"})),
    }

    @pytest.fixture(autouse=True)
    def _quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("providers.fal.job.FIRST_POLL", 0.002)

    def answer(self, request: Request) -> Reply:
        return fal_job(request, Reply(body={"images": [{"url": "https://v3.fal.media/files/a/b.png"}]}))

    def answer_slowly(self, request: Request) -> Reply:
        if request.method == "PUT":
            return Reply(body={"status": "OK"})
        return Reply(202, {"status": "IN_PROGRESS"}) if "/status" in request.path else self.answer(request)

    def saw_cancellation(self, service: Loopback, earlier: Sequence[Request]) -> bool:
        return any(request.method == "PUT" for request in service.requests)


class TestHuggingFace(ProviderSuite):
    plugin = "providers.huggingface"
    credential = "hf_RequestsOwnToken0123"
    failures: ClassVar = {
        "content-filter": Reply(400, {"error": "The prompt was refused by the content filter."}),
        "auth": Reply(401, {"error": "Invalid username or password."}),
        "quota": Reply(402, {"error": "You have exceeded your monthly included credits."}),
        "rate-limit": Reply(429, {"error": "Too many requests"}, {"Retry-After": "30"}),
        "invalid-request": [Reply(400, {"error": "Bad input"}), Reply(404, {"error": "Model not found"})],
        "unavailable": [Reply(503, {"error": "Loading", "estimated_time": 20.5}), Reply(500)],
        "bad-image": Reply(200, picture()[:60], {"content-type": "image/png"}),
    }

    @pytest.fixture(autouse=True)
    def _no_questions_to_the_hub(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keeps the SDK from asking the Hub which agents there are, which it does once for a header."""
        monkeypatch.setattr("huggingface_hub.utils._detect_agent._registry", {})

    def answer(self, request: Request) -> Reply:
        return Reply(200, picture(), {"content-type": "image/png"})


class TestA1111(ProviderSuite):
    plugin = "providers.a1111"
    unsent: ClassVar = ("denoising_strength",)  # which goes with a picture alone
    failures: ClassVar = {
        "auth": Reply(401, {"error": "HTTPException", "detail": "Incorrect username or password"}),
        "invalid-request": [
            Reply(404, {"error": "HTTPException", "detail": "Sampler not found", "errors": ""}),
            Reply(422, {"detail": [{"loc": ["body", "steps"], "msg": "value is not a valid integer"}]}),
        ],
        "unavailable": [Reply(404, {"detail": "Not Found"}), Reply(500, "Internal Server Error")],
        "provider": [
            Reply(500, {"error": "OutOfMemoryError", "detail": "", "errors": "CUDA out of memory."}),
            Reply(200, {"images": [], "parameters": {}, "info": ""}),
        ],
        "bad-response": Reply(200, {"images": None}),
    }

    def answer(self, request: Request) -> Reply:
        if request.path == "/sdapi/v1/sd-models":
            return Reply(body=json.dumps([{"title": "checkpoint.safetensors", "model_name": "checkpoint"}]))
        info = json.dumps({"seed": 20_011, "sd_model_name": "checkpoint"})
        return Reply(body={"images": [base64.b64encode(picture()).decode()], "info": info})

    def answer_slowly(self, request: Request) -> Reply:
        if request.path == "/internal/progress":
            return Reply(body={"active": True, "progress": 0.3})
        return self.answer(request) if "interrupt" in request.path else super().answer_slowly(request)


class TestComfyUI(ProviderSuite):
    plugin = "providers.comfyui"
    failures: ClassVar = {
        "invalid-request": Reply(400, {"error": {"message": "Invalid"}, "node_errors": {}}),
        "unavailable": [Reply(500), Reply(502, "<html><title>Bad gateway</title>")],
        "bad-response": Reply(200, {"prompt_id": "../../other"}),
    }

    def answer(self, request: Request) -> Reply:
        kind = request.path.split("/")[1]
        if kind == "view?filename=a.png&subfolder=&type=temp":
            return Reply(200, picture(), {"content-type": "image/png"})
        if kind == "object_info":
            names = [["checkpoint.safetensors"], {}]
            node = {"input": {"required": {"ckpt_name": names}}}
            return Reply(body={"CheckpointLoaderSimple": node})
        if kind == "upload":
            return Reply(body={"name": "kept.png", "subfolder": "", "type": "input"})
        if kind == "prompt":
            return Reply(body={"prompt_id": request.json["prompt_id"], "number": 0, "node_errors": {}})
        image = {"filename": "a.png", "subfolder": "", "type": "temp"}
        return Reply(body={request.path.split("/")[-1]: {"outputs": {"7": {"images": [image]}}}})

    def answer_slowly(self, request: Request) -> Reply:
        if request.path.startswith("/history"):
            return Reply(body={})
        if request.path == "/queue" and request.method == "GET":
            return Reply(body={"queue_running": [[0, "another"]], "queue_pending": []})
        return self.answer(request)

    def saw_cancellation(self, service: Loopback, earlier: Sequence[Request]) -> bool:
        return any((sent.method, sent.path) == ("POST", "/queue") for sent in service.requests)
