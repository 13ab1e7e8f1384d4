"""How services refuse and fail: their answers in the forms of public issues and documentation.

Each row is an answer and what it stands for. FIRST was written together with the rule that reads them,
SECOND after it stood, from other services and other wordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

FILTER, AUTH, QUOTA, LIMIT, REQUEST = "content-filter", "auth", "quota", "rate-limit", "invalid-request"
DOWN, PROVIDER, RESPONSE, TIMEOUT = "unavailable", "provider", "bad-response", "timeout"

PROMPT = "A nude fox; NSFW, flagged by the content policy: insufficient credits, invalid API key"
"""What the person asked for; services repeat it, and its words are not theirs."""


class Answer(NamedTuple):
    about: str
    status: int
    body: Any
    category: str
    did_not_run: bool = False
    """Certainly; never for a refusal, which may have judged the finished picture."""
    wait: float | None = None
    headers: Mapping[str, str] = {}


def openai(message: str | None, code: Any = None, type: str = "invalid_request_error", **more: Any) -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


def google(code: int, status: str, message: str, *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


SAFETY = "Your request was rejected by the safety system. If you believe this is an error, contact us."
AZURE = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
LITELLM = f"litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - {AZURE}"
NO_CREDIT = "You exceeded your current quota, please check your plan and billing details."
LOCKED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
XAI_CREDIT = (
    "Your team 16f2151a has either used all available credits or reached its monthly spending limit. To "
    "continue making API requests, please purchase more credits or raise your spending limit."
)
THROTTLED = (
    "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per minute with "
    "a burst of 1 requests while you have less than $5.0 in credit. Your rate limit resets in ~3s."
)
PER_MINUTE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
}
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}
KEY_INVALID = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}


FIRST: tuple[Answer, ...] = (
    # Refusals with a code
    Answer("openai", 400, openai(SAFETY, "moderation_blocked", "image_generation_user_error"), FILTER),
    Answer("openai, code alone", 400, openai(None, "moderation_blocked"), FILTER),
    Answer("dall-e 3", 400, openai("Your prompt may not be allowed.", "content_policy_violation"), FILTER),
    Answer("openai, type alone", 400, openai("Refused.", None, "content_policy_violation"), FILTER),
    Answer("azure", 400, openai(AZURE, "content_filter", status=400), FILTER),
    Answer(
        "azure, inner error alone",
        400,
        openai("Bad request", "BadRequest", innererror={"code": "ResponsibleAIPolicyViolation"}),
        FILTER,
    ),
    Answer(
        "azure, a jailbreak",
        400,
        openai(
            "Not possible.",
            None,
            inner_error={"content_filter_results": {"jailbreak": {"detected": True, "filtered": True}}},
        ),
        FILTER,
    ),
    Answer("azure image", 400, {"error": {"code": "contentFilter", "message": "Filtered."}}, FILTER),
    Answer("litellm", 400, openai(LITELLM, "400", "None"), FILTER),
    Answer(
        "litellm, a proxy's own fields",
        400,
        openai(
            "The request payload is malformed or invalid.",
            "400",
            provider_specific_fields={"innererror": {"code": "ResponsibleAIPolicyViolation"}},
        ),
        FILTER,
    ),
    Answer(
        "fal",
        422,
        {
            "detail": [
                {
                    "loc": ["body", "prompt"],
                    "msg": "The content could not be processed because it was flagged by a content checker.",
                    "type": "content_policy_violation",
                    "input": "a fox",
                }
            ]
        },
        FILTER,
    ),
    Answer("fal, a list", 422, [{"loc": ["body"], "msg": "No.", "type": "content_policy_violation"}], FILTER),
    Answer(
        "stability",
        403,
        {"id": "e1", "name": "content_moderation", "errors": ["Your request was flagged by our system."]},
        FILTER,
    ),
    Answer(
        "dashscope",
        400,
        {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."},
        FILTER,
    ),
    Answer(
        "ark, input",
        400,
        openai("The request failed because of the input.", "InputTextSensitiveContentDetected", "BadRequest"),
        FILTER,
    ),
    Answer(
        "ark, output",
        400,
        openai(
            "The request failed because the output image may contain sensitive information.",
            "OutputImageSensitiveContentDetected",
            "BadRequest",
        ),
        FILTER,
    ),
    Answer("ark, sub-code", 400, {"error": {"code": "SensitiveContentDetected.SevereViolation"}}, FILTER),
    Answer("ark, risk", 400, {"error": {"code": "OutputImageRiskDetection", "message": "No."}}, FILTER),
    Answer(
        "zhipu",
        400,
        {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}},
        FILTER,
    ),
    Answer("zhipu, code alone", 400, {"error": {"code": "1301", "message": "API error"}}, FILTER),
    Answer(
        "google, reason at depth",
        400,
        google(
            400, "INVALID_ARGUMENT", "Request contains an invalid argument.", {"reason": "UNSAFE_CONTENT"}
        ),
        FILTER,
    ),
    Answer("one-api", 400, {"error": {"code": "sensitive_words_detected", "type": "new_api_error"}}, FILTER),
    Answer("one-api, blocked", 400, {"error": {"code": "prompt_blocked", "message": ""}}, FILTER),
    Answer(
        "openrouter",
        403,
        {
            "error": {
                "code": 403,
                "message": "Your chosen model requires moderation and your input was flagged",
                "metadata": {"reasons": ["sexual"], "flagged_input": "a fox", "provider_name": "OpenAI"},
            }
        },
        FILTER,
    ),
    Answer(
        "openrouter, raw",
        400,
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {
                    "provider_name": "OpenAI",
                    "raw": '{"error": {"code": "moderation_blocked", "message": "No."}}',
                },
            }
        },
        FILTER,
    ),
    Answer("legal", 451, {"error": "Unavailable For Legal Reasons"}, FILTER),
    # Refusals in words alone
    Answer("openai", 400, openai(SAFETY), FILTER),
    Answer("openai, unknown code", 400, openai(SAFETY, "request_error_77"), FILTER),
    Answer(
        "xai",
        403,
        {"code": "The caller does not have permission", "error": "Content violates usage guidelines."},
        FILTER,
    ),
    Answer("xai, later", 400, {"error": "Generated image rejected by content moderation."}, FILTER),
    Answer("ideogram", 422, {"error": "Prompt or provided image failed the safety checks"}, FILTER),
    Answer("stability v1", 400, {"name": "invalid_prompts", "message": "Invalid prompts detected"}, FILTER),
    Answer(
        "imagen",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "Image generation failed with the following error: The response is blocked, as it may violate our "
            "policies. If you believe this is an error, please send feedback. Error Code: 58061214",
        ),
        FILTER,
    ),
    Answer("together", 422, openai("The image contains NSFW content", "422"), FILTER),
    Answer("deepinfra", 400, {"detail": {"error": "NSFW content detected in the prompt"}}, FILTER),
    Answer("recraft", 400, {"code": "bad", "message": "Prompt contains inappropriate content"}, FILTER),
    Answer(
        "replicate", 422, {"title": "Prediction failed", "detail": "NSFW content detected. (E005)"}, FILTER
    ),
    Answer("a broken picture", 500, {"error": "All generated images contained NSFW content."}, FILTER),
    Answer("in Chinese", 400, {"code": 400, "message": "提示词包含违规内容，请修改后重试"}, FILTER),
    Answer("in Chinese, audit", 403, {"msg": "内容审核不通过"}, FILTER),
    # Refusals inside a 200
    Answer("error object", 200, openai(SAFETY, "moderation_blocked"), FILTER),
    Answer("xai", 200, {"data": [{"url": "", "respect_moderation": False}]}, FILTER),
    Answer("ideogram", 200, {"data": [{"is_image_safe": False, "url": None}]}, FILTER),
    Answer("stability", 200, {"artifacts": [{"finishReason": "CONTENT_FILTERED", "seed": 1}]}, FILTER),
    Answer("bfl, prompt", 200, {"id": "1", "status": "Request Moderated", "result": None}, FILTER),
    Answer("bfl, picture", 200, {"id": "1", "status": "Content Moderated", "result": None}, FILTER),
    Answer("gemini, picture", 200, {"candidates": [{"finishReason": "IMAGE_SAFETY", "content": {}}]}, FILTER),
    Answer("gemini, recitation", 200, {"candidates": [{"finishReason": "IMAGE_RECITATION"}]}, FILTER),
    Answer("gemini, prompt", 200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, FILTER),
    Answer("gemini, other", 200, {"promptFeedback": {"blockReason": "OTHER"}}, FILTER),
    Answer(
        "imagen", 200, {"predictions": [{"raiFilteredReason": "Unable to show generated images."}]}, FILTER
    ),
    Answer("fal", 200, {"images": [], "has_nsfw_concepts": [True]}, FILTER),
    Answer("a prediction", 200, {"status": "failed", "error": "The input was flagged as sensitive."}, FILTER),
    Answer(
        "a chat model",
        200,
        {"choices": [{"message": {"content": "I'm sorry, but I can't create images of that person."}}]},
        FILTER,
    ),
    Answer("a refusal field", 200, {"choices": [{"message": {"refusal": "No.", "content": None}}]}, FILTER),
    Answer(
        "partial failure", 200, {"data": [{"error": {"code": "OutputImageSensitiveContentDetected"}}]}, FILTER
    ),
    # Empty accounts
    Answer("openai", 429, openai(NO_CREDIT, "insufficient_quota", "insufficient_quota"), QUOTA, True),
    Answer("openai, limit", 400, openai("Billing hard limit.", "billing_hard_limit_reached"), QUOTA, True),
    Answer("openai, project", 429, openai("Limit.", "project_spend_limit_exceeded"), QUOTA, True),
    Answer("openai, words", 429, openai(NO_CREDIT), QUOTA, True),
    Answer("xai", 429, {"code": "Some resource has been exhausted", "error": XAI_CREDIT}, QUOTA, True),
    Answer("xai, new", 403, {"code": "No permission", "error": XAI_CREDIT}, QUOTA, True),
    Answer(
        "xai, none",
        403,
        {"code": "x", "error": "Your newly created team doesn't have any credits or licenses yet."},
        QUOTA,
        True,
    ),
    Answer("fal", 403, {"detail": LOCKED}, QUOTA, True),
    Answer(
        "dashscope",
        400,
        {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."},
        QUOTA,
        True,
    ),
    Answer("zhipu", 429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试"}}, QUOTA, True),
    Answer("z.ai", 429, {"error": {"code": "1113", "message": "Account"}}, QUOTA, True),
    Answer("ark", 403, openai("The account has an overdue balance.", "AccountOverdueError"), QUOTA, True),
    Answer("one-api", 403, openai("用户额度不足", "insufficient_user_quota", "new_api_error"), QUOTA, True),
    Answer("hugging face", 402, {"error": "You have exceeded your monthly included credits."}, QUOTA, True),
    Answer("bfl", 402, {"detail": "Insufficient credits. Add more credits."}, QUOTA, True),
    Answer("stability", 402, {"name": "payment_required", "errors": ["You lack credits."]}, QUOTA, True),
    Answer("an empty 402", 402, "", QUOTA, True),
    Answer("anthropic form", 400, openai("Your credit balance is too low to access the API."), QUOTA, True),
    Answer(
        "siliconflow",
        403,
        {"code": 30001, "message": "Sorry, your account balance is insufficient"},
        QUOTA,
        True,
    ),
    Answer("inside a 200", 200, openai("Insufficient credits.", 402), QUOTA),
    # Bad keys
    Answer("openai", 401, openai("Incorrect API key provided: sk-…", "invalid_api_key"), AUTH, True),
    Answer(
        "xai",
        400,
        {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: sk***"},
        AUTH,
        True,
    ),
    Answer(
        "google, in a list",
        400,
        [google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", KEY_INVALID)],
        AUTH,
        True,
    ),
    Answer("google, reason alone", 400, google(400, "INVALID_ARGUMENT", "Bad.", KEY_INVALID), AUTH, True),
    Answer("one-api", 401, {"error": "API key 无效或已停用", "code": "api_key_invalid"}, AUTH, True),
    Answer(
        "openai, unverified", 403, openai("Your organization must be verified to use the model."), AUTH, True
    ),
    Answer("dashscope", 401, {"code": "InvalidApiKey", "message": "Invalid API-key provided."}, AUTH, True),
    Answer("hugging face", 401, {"error": "Invalid username or password."}, AUTH, True),
    Answer("an empty 403", 403, "", AUTH, True),
    Answer("inside a 200", 200, {"error": "Incorrect API key provided"}, AUTH),
    # Limits
    Answer(
        "openai",
        429,
        openai(
            "Rate limit reached for gpt-image-2 in org o on images per min: Limit 5, Used 5. Please try again in 12s.",
            "rate_limit_exceeded",
            "input-images",
        ),
        LIMIT,
        True,
        12,
    ),
    Answer("replicate", 429, {"detail": THROTTLED, "status": 429}, LIMIT, True, 3),
    Answer(
        "google",
        429,
        google(429, "RESOURCE_EXHAUSTED", NO_CREDIT + " Please retry in 37.8s.", PER_MINUTE, RETRY_INFO),
        LIMIT,
        True,
        37,
    ),
    Answer(
        "google, in words",
        429,
        google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Generate requests per minute'"),
        LIMIT,
        True,
    ),
    Answer(
        "google, short",
        429,
        google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        LIMIT,
        True,
    ),
    Answer(
        "azure",
        429,
        {
            "error": {
                "code": "429",
                "message": "Requests have exceeded call rate limit of your current AIServices S0 pricing tier. Please retry after 24 seconds. Please go here to increase your quota",
            }
        },
        LIMIT,
        True,
        24,
    ),
    Answer(
        "dashscope",
        400,
        {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"},
        LIMIT,
        True,
    ),
    Answer("zhipu", 429, {"error": {"code": "1302", "message": "您的账户已达到速率限制"}}, LIMIT, True),
    Answer("with a header", 429, {"detail": "Slow down"}, LIMIT, True, 8, {"Retry-After": "8"}),
    Answer("minutes", 429, {"error": "Too many requests. Retry in 1m30s."}, LIMIT, True, 90),
    Answer("a field", 429, {"error": {"message": "Too fast", "retry_after": 6}}, LIMIT, True, 6),
    Answer("inside a 200", 200, openai("Slow down", 429), LIMIT),
    # Wrong requests
    Answer("openai, size", 400, openai("Invalid size '7x7'.", "invalid_value", param="size"), REQUEST, True),
    Answer("openai, model", 404, openai("The model does not exist.", "model_not_found"), REQUEST, True),
    Answer("together", 400, openai("Unsupported use of 'image_url' parameter."), REQUEST, True),
    Answer("an empty 422", 422, "", REQUEST, True),
    Answer("a path", 404, "404 page not found", REQUEST, True),
    Answer("dashscope", 400, {"code": "InvalidParameter", "message": "num_images must be 1"}, REQUEST, True),
    # Outages
    Answer("overloaded", 503, {"error": {"message": "The engine is currently overloaded."}}, DOWN, True),
    Answer("loading", 503, {"error": "Model is loading", "estimated_time": 20.5}, DOWN, True, 20.5),
    Answer(
        "a proxy's",
        503,
        "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        DOWN,
    ),
    Answer("a proxy's, in json", 503, {"error": "reset reason: connection termination at capacity"}, DOWN),
    Answer("a page", 502, "<html><head><title>502 Bad Gateway</title></head></html>", DOWN),
    Answer(
        "openai",
        500,
        openai("The server had an error while processing your request.", None, "server_error"),
        DOWN,
    ),
    Answer("out of memory", 500, {"error": "CUDA out of memory"}, DOWN),
    Answer("out of memory in a 200", 200, {"error": "CUDA out of memory"}, PROVIDER),
    Answer("a challenge", 403, "<title>Just a moment...</title>", RESPONSE),
    Answer("an empty list", 200, {"created": 1, "data": []}, RESPONSE),
    Answer("a page in a 200", 200, "<!doctype html><title>Sign in</title>", RESPONSE),
    Answer("slow", 408, {"error": "Request timeout"}, TIMEOUT),
    # False alarms
    Answer("guidelines", 400, openai("Invalid size. See the size guidelines."), REQUEST, True),
    Answer("a checker", 500, {"error": "could not load the NSFW checker"}, DOWN),
    Answer("a checker, as 400", 400, {"error": "safety_checker is not a valid parameter"}, REQUEST, True),
    Answer(
        "a checker, by place",
        422,
        {
            "detail": [
                {
                    "loc": ["body", "safety_checker"],
                    "msg": "Extra inputs are not permitted",
                    "type": "extra_forbidden",
                }
            ]
        },
        REQUEST,
        True,
    ),
    Answer("content type", 415, {"error": "content_type not supported"}, REQUEST, True),
    Answer("its own outage", 503, {"error": "The content moderation service is unavailable"}, DOWN),
    Answer("retry policy", 500, {"error": "Retry policy violated after 3 attempts"}, DOWN),
    Answer("cors", 403, {"error": "Request blocked by CORS policy"}, AUTH, True),
    Answer("a feature", 400, {"error": "This feature is flagged off for your account"}, REQUEST, True),
    Answer(
        "max_tokens",
        400,
        openai("max_tokens is not a valid key for this model", "unknown_parameter"),
        REQUEST,
        True,
    ),
    Answer(
        "the option",
        400,
        openai(
            "Invalid value: 'none'. Supported values are: 'low' and 'auto'.",
            "invalid_value",
            param="moderation",
        ),
        REQUEST,
        True,
    ),
    Answer(
        "an echo",
        422,
        {
            "detail": [
                {
                    "loc": ["body", "size"],
                    "msg": "Input should be a valid string",
                    "type": "string_type",
                    "input": {"prompt": PROMPT, "size": 7},
                }
            ]
        },
        REQUEST,
        True,
    ),
    Answer("an echo in words", 400, {"error": f"Unknown field for prompt '{PROMPT}'"}, REQUEST, True),
    Answer(
        "an echo in a body", 422, {"detail": "steps is too large", "body": {"prompt": PROMPT}}, REQUEST, True
    ),
)
