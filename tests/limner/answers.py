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


FIREWORKS = (
    "Account a is suspended, possibly due to reaching the monthly spending limit or failure to pay past "
    "invoices. Please go to https://fireworks.ai/account/billing for more information."
)
TENCENT_BAD = "图片内容违规，请更换后重试"


def minimax(code: int, message: str) -> Any:
    return {"id": "1", "data": None, "base_resp": {"status_code": code, "status_msg": message}}


def tencent(code: str, message: str) -> Any:
    return {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "ed93f3cb-f35e"}}


def runware(code: str, message: str, parameter: str = "") -> Any:
    error = {"code": code, "message": message, "parameter": parameter, "taskType": "imageInference"}
    return {"errors": [error]}


SECOND: tuple[Answer, ...] = (
    # Refusals
    Answer("novita", 400, {"code": 400, "reason": "ILLEGAL_PROMPT", "message": "Prompt refused"}, FILTER),
    Answer("novita, image", 400, {"reason": "ILLEGAL_IMAGE_CONTENT", "message": "Not this."}, FILTER),
    Answer("minimax, input", 200, minimax(1026, "input new_sensitive"), FILTER),
    Answer("minimax, output", 200, minimax(1027, "output new_sensitive"), FILTER),
    Answer(
        "vidu, input",
        400,
        {"code": 400, "reason": "AuditSubmitIllegal", "message": "submit is illegal"},
        FILTER,
    ),
    Answer(
        "vidu, output",
        400,
        {"reason": "CreationPolicyViolation", "message": "creation policy violation"},
        FILTER,
    ),
    Answer("vidu, prompt", 400, {"reason": "TaskPromptPolicyViolation", "message": "no"}, FILTER),
    Answer(
        "lightricks",
        422,
        {"type": "error", "error": {"type": "content_filtered_error", "message": "No."}},
        FILTER,
    ),
    Answer(
        "wavespeed",
        200,
        {"code": 1200, "status": "failed", "error": "The content contains sensitive information."},
        FILTER,
    ),
    Answer(
        "tencent, text",
        200,
        tencent("OperationDenied.TextIllegalDetected", "Text contains illegal information."),
        FILTER,
    ),
    Answer("tencent, image", 200, tencent("OperationDenied.ImageIllegalDetected", TENCENT_BAD), FILTER),
    Answer(
        "tencent, result",
        200,
        tencent("FailedOperation.GenerateImageFailed", "生成图审核不通过，请重试"),
        FILTER,
    ),
    Answer(
        "mimo",
        400,
        {
            "error": {
                "code": "421",
                "message": "Moderation Block",
                "param": "The request was rejected because it was considered high risk",
                "type": "content_filter",
            }
        },
        FILTER,
    ),
    Answer(
        "bedrock",
        400,
        {"__type": "ValidationException", "message": "This request has been blocked by our content filters."},
        FILTER,
    ),
    Answer(
        "bedrock, output",
        200,
        {"images": [], "error": "All of the generated images have been blocked by our content filters."},
        FILTER,
    ),
    Answer("bedrock, guardrail", 200, {"amazon-bedrock-guardrailAction": "INTERVENED", "images": []}, FILTER),
    Answer(
        "midjourney proxy",
        200,
        {"code": 24, "description": "可能包含敏感词", "properties": {"bannedWord": "nude"}},
        FILTER,
    ),
    Answer("midjourney, task", 200, {"status": "FAILURE", "failReason": "Banned prompt detected"}, FILTER),
    Answer(
        "midjourney, judge",
        200,
        {
            "status": "FAILURE",
            "failReason": "Sorry! Our AI moderator thinks this prompt is probably against our community standards.",
        },
        FILTER,
    ),
    Answer(
        "pollinations",
        400,
        {
            "success": False,
            "error": {
                "message": "Your request was rejected by content moderation. The prompt, input, or generated content was flagged as disallowed",
                "code": "content_policy_violation",
            },
        },
        FILTER,
    ),
    Answer(
        "azure, resource",
        403,
        {
            "error": {
                "code": "Forbidden",
                "message": "Your resource has been temporarily blocked because we detected behavior that may violate our content policy.",
            }
        },
        FILTER,
    ),
    Answer(
        "flow",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "Request contains an invalid argument.",
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "PUBLIC_ERROR_UNSAFE_GENERATION"},
        ),
        FILTER,
    ),
    Answer(
        "flow, people",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "Request contains an invalid argument.",
            {"reason": "PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED"},
        ),
        FILTER,
    ),
    Answer(
        "vertex, support codes",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "The prompt could not be submitted. This prompt contains sensitive words that violate Google's Responsible AI practices. Try rephrasing the prompt.",
        ),
        FILTER,
    ),
    Answer(
        "vertex, nothing",
        200,
        {
            "generatedSamples": [],
            "raiMediaFilteredCount": 1,
            "raiMediaFilteredReasons": ["We encountered an issue with the prompt you entered."],
        },
        FILTER,
    ),
    Answer(
        "luma",
        200,
        {"state": "failed", "failure_reason": "400: prompt not allowed because advanced moderation failed"},
        FILTER,
    ),
    Answer(
        "runway",
        200,
        {"status": "FAILED", "failure": "Your input violated our rules", "failureCode": "SAFETY.INPUT.TEXT"},
        FILTER,
    ),
    Answer(
        "runway, internal",
        200,
        {"status": "FAILED", "failureCode": "INTERNAL.BAD_OUTPUT.CODE01", "failure": "Try again"},
        PROVIDER,
    ),
    Answer(
        "leonardo",
        400,
        {
            "error": "Content moderated: the prompt contains terms that are not permitted",
            "code": "invalid-prompt",
        },
        FILTER,
    ),
    Answer(
        "runware",
        400,
        runware(
            "invalidProviderContent",
            "Invalid content detected. The provider flagged your prompt as inappropriate.",
        ),
        FILTER,
    ),
    Answer(
        "kling",
        400,
        {"code": 1301, "message": "Trigger strategy: platform content security policy", "request_id": "1"},
        FILTER,
    ),
    Answer(
        "cloudflare",
        400,
        {
            "errors": [{"message": "AiError: Input prompt contains NSFW content.", "code": 3030}],
            "success": False,
        },
        FILTER,
    ),
    Answer("deepai", 400, {"err": "Your prompt was flagged as unsafe by our filters"}, FILTER),
    Answer(
        "dall-e in a chat",
        200,
        {
            "output": [
                {
                    "type": "message",
                    "content": [
                        {
                            "type": "output_text",
                            "text": "I can't generate that image because it violates our content policies.",
                        }
                    ],
                }
            ]
        },
        FILTER,
    ),
    Answer(
        "a refusal part",
        200,
        {"output": [{"content": [{"type": "refusal", "refusal": "I cannot help with that."}]}]},
        FILTER,
    ),
    Answer(
        "gemini in words",
        200,
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": "I'm just a language model and can't help with that."}]},
                    "finishReason": "STOP",
                }
            ]
        },
        FILTER,
    ),
    Answer(
        "gemini, image other",
        200,
        {
            "candidates": [
                {
                    "finishReason": "IMAGE_PROHIBITED_CONTENT",
                    "finishMessage": "Unable to show the generated image.",
                }
            ]
        },
        FILTER,
    ),
    Answer("diffusers server", 200, {"nsfw_content_detected": [True], "images": [None]}, FILTER),
    Answer(
        "a space",
        500,
        {
            "error": "Potential NSFW content was detected in one or more images. A black image will be returned instead."
        },
        FILTER,
    ),
    Answer(
        "getimg",
        400,
        {
            "error": {
                "type": "invalid_request_error",
                "code": "content_moderation/nsfw",
                "message": "Rejected.",
            }
        },
        FILTER,
    ),
    Answer(
        "freepik",
        400,
        {
            "message": "Validation error",
            "invalid_params": [{"name": "prompt", "reason": "The prompt contains forbidden words"}],
        },
        FILTER,
    ),
    Answer("segmind", 406, {"error": "Inappropriate content detected in the image"}, FILTER),
    Answer("nebius", 400, {"detail": "Prompt violates safety policy"}, FILTER),
    Answer("prodia", 422, {"error": "moderation: prompt rejected"}, FILTER),
    Answer(
        "baidu",
        200,
        {"error_code": 336003, "error_msg": "the prompt content is sensitive, please check"},
        FILTER,
    ),
    Answer(
        "stepfun",
        451,
        {"error": {"message": "censored by the content inspection", "type": "censorship_blocked"}},
        FILTER,
    ),
    Answer(
        "a list of errors",
        400,
        {
            "errors": [
                {
                    "title": "Bad Request",
                    "detail": "Your text prompt includes content that goes against our policies.",
                }
            ]
        },
        FILTER,
    ),
    Answer(
        "a character",
        400,
        openai(
            "This request has been blocked: the image may depict a real public figure.",
            "public_figure_blocked",
        ),
        FILTER,
    ),
    Answer(
        "a copyright",
        400,
        {
            "error": {
                "message": "The generated image may infringe third-party content rights and was withheld.",
                "code": "third_party_content_similarity",
            }
        },
        FILTER,
    ),
    # Empty accounts
    Answer("novita", 403, {"reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance"}, QUOTA, True),
    Answer(
        "novita, images", 400, {"reason": "BILLING_BALANCE_NOT_ENOUGH", "message": "balance"}, QUOTA, True
    ),
    Answer("vidu", 400, {"reason": "CreditInsufficient", "message": "insufficient credits"}, QUOTA, True),
    Answer("minimax", 200, minimax(1008, "insufficient balance"), QUOTA),
    Answer(
        "fireworks",
        412,
        {"error": {"message": FIREWORKS, "code": "PRECONDITION_FAILED", "type": "error"}},
        QUOTA,
        True,
    ),
    Answer(
        "stability v1",
        429,
        {
            "name": "insufficient_balance",
            "message": "Your organization does not have enough balance to request this action",
        },
        QUOTA,
        True,
    ),
    Answer("runway", 400, {"error": "You do not have enough credits to run this task."}, QUOTA, True),
    Answer(
        "lightricks",
        402,
        {"type": "error", "error": {"type": "insufficient_funds_error", "message": "No."}},
        QUOTA,
        True,
    ),
    Answer(
        "cloudflare",
        429,
        {
            "errors": [
                {
                    "message": "you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's Workers Paid plan",
                    "code": 4006,
                }
            ]
        },
        QUOTA,
        True,
    ),
    Answer("leonardo", 400, {"error": "not enough api tokens", "code": "unexpected"}, QUOTA, True),
    Answer("kling", 429, {"code": 1102, "message": "Account balance not enough"}, QUOTA, True),
    Answer(
        "runware", 400, runware("insufficientCredits", "Insufficient credits in your account"), QUOTA, True
    ),
    Answer(
        "iflow", 400, {"code": 60400, "message": "User credits insufficient, please recharge"}, QUOTA, True
    ),
    Answer(
        "xai, personal",
        403,
        {
            "code": "personal-team-blocked:spending-limit",
            "error": "You have run out of credits or need a Grok subscription.",
        },
        QUOTA,
        True,
    ),
    Answer("fal, another reason", 403, {"detail": "User is locked. Reason: TOP_UP."}, QUOTA, True),
    Answer(
        "openrouter, key limit",
        403,
        {
            "error": {
                "message": "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
                "code": 403,
            }
        },
        QUOTA,
        True,
    ),
    Answer(
        "openai, inactive",
        429,
        openai(
            "Your account is not active, please check your billing details on our website.",
            "billing_not_active",
        ),
        QUOTA,
        True,
    ),
    Answer(
        "hugging face, paid",
        403,
        {"error": "Pre-paid credits are required for this provider. Your balance is depleted."},
        QUOTA,
        True,
    ),
    Answer(
        "deepseek form",
        402,
        {"error": {"message": "Insufficient Balance", "type": "unknown_error"}},
        QUOTA,
        True,
    ),
    Answer(
        "vercel gateway",
        402,
        {
            "error": {
                "message": "AI Gateway requires a valid credit card on file to service requests.",
                "type": "customer_verification_required",
            }
        },
        QUOTA,
        True,
    ),
    Answer(
        "ark", 403, {"error": {"code": "AccountOverdueError", "message": "the request failed"}}, QUOTA, True
    ),
    # Bad keys
    Answer("novita", 400, {"reason": "MISSING_API_KEY", "message": "API Key not provided"}, AUTH, True),
    Answer(
        "runware",
        400,
        runware("invalidApiKey", "Invalid API key. Get one at https://runware.ai/signup", "apiKey"),
        AUTH,
        True,
    ),
    Answer("minimax", 200, minimax(2049, "invalid api key"), AUTH),
    Answer(
        "tencent",
        200,
        tencent("AuthFailure.SignatureFailure", "The provided credentials could not be validated."),
        AUTH,
    ),
    Answer(
        "vertex",
        401,
        google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
        AUTH,
        True,
    ),
    Answer("bedrock", 403, {"message": "The security token included in the request is invalid."}, AUTH, True),
    Answer(
        "cloudflare",
        400,
        {
            "errors": [
                {"code": 6003, "message": "Invalid request headers"},
                {"code": 6111, "message": "Invalid format for Authorization header"},
            ]
        },
        AUTH,
        True,
    ),
    Answer(
        "openai, country",
        403,
        openai("Country, region, or territory not supported", "unsupported_country_region_territory"),
        AUTH,
        True,
    ),
    # Limits
    Answer("vidu", 429, {"reason": "QuotaExceeded", "message": "Exceeded concurrency limit"}, LIMIT, True),
    Answer("minimax", 200, minimax(1002, "rate limit"), LIMIT),
    Answer(
        "bedrock",
        400,
        {"__type": "ThrottlingException", "message": "Too many requests, please wait before trying again."},
        LIMIT,
        True,
    ),
    Answer(
        "cerebras",
        429,
        {
            "message": "Tokens per minute limit exceeded - too many tokens processed.",
            "type": "too_many_tokens_error",
            "code": "token_quota_exceeded",
        },
        LIMIT,
        True,
    ),
    Answer(
        "hugging face",
        429,
        {"error": "You have exceeded your GPU quota (60s requested vs. 20s left). Try again in 0:12:30"},
        LIMIT,
        True,
    ),
    Answer(
        "together",
        429,
        openai(
            "You have reached the rate limit specific to this model. The maximum rate limit is 6.0 queries and images per minute.",
            None,
            "model_rate_limit",
        ),
        LIMIT,
        True,
    ),
    Answer(
        "openai, long wait",
        429,
        openai("Rate limit reached. Please try again in 6m0s.", "rate_limit_exceeded"),
        LIMIT,
        True,
        360,
    ),
    Answer(
        "stability",
        429,
        {
            "name": "rate_limit_exceeded",
            "errors": [
                "You have exceeded the rate limit of 150 requests within a 10 second period, and have been timed out for 60 seconds."
            ],
        },
        LIMIT,
        True,
    ),
    Answer(
        "siliconflow",
        429,
        "Request was rejected due to rate limiting. If you want more, please contact us.",
        LIMIT,
        True,
    ),
    Answer(
        "milliseconds", 429, {"error": {"message": "Slow down", "retry_after_ms": 1500}}, LIMIT, True, 1.5
    ),
    Answer("a duration", 429, {"retryDelay": "2.5s"}, LIMIT, True, 2.5),
    Answer("available", 429, {"detail": "Expected available in 3 seconds."}, LIMIT, True, 3),
    # Wrong requests
    Answer(
        "novita",
        400,
        {"reason": "INVALID_IMAGE_SIZE", "message": "Image width or height exceeds limit"},
        REQUEST,
        True,
    ),
    Answer(
        "runware",
        400,
        runware("unsupportedParameter", "Unsupported parameter 'steps'.", "steps"),
        REQUEST,
        True,
    ),
    Answer(
        "dashscope",
        400,
        {
            "code": "InvalidParameter.DataInspection",
            "message": "Unable to download the media resource during the data inspection process.",
        },
        REQUEST,
        True,
    ),
    Answer(
        "seedream",
        400,
        openai(
            "The parameter `size` specified in the request is not valid: image size must be at least 3686400 pixels.",
            "InvalidParameter",
            "BadRequest",
        ),
        REQUEST,
        True,
    ),
    Answer(
        "gemini",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            'Invalid JSON payload received. Unknown name "negative_prompt": Cannot find field.',
        ),
        REQUEST,
        True,
    ),
    Answer(
        "long prompt",
        400,
        openai(
            "Invalid 'prompt': string too long. Expected a string with maximum length 32000",
            "string_above_max_length",
            param="prompt",
        ),
        REQUEST,
        True,
    ),
    # Outages
    Answer("cloudflare page", 524, "<!DOCTYPE html><title>524: A timeout occurred</title>", DOWN),
    Answer(
        "new-api",
        503,
        {"error": {"message": "当前分组上游负载已饱和，请稍后再试", "type": "new_api_error"}},
        DOWN,
    ),
    Answer(
        "gemini",
        503,
        google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        DOWN,
        True,
    ),
    Answer(
        "a gateway that waited",
        503,
        {"error": {"message": "Upstream timed out while the model was overloaded"}},
        DOWN,
    ),
    Answer(
        "dashscope",
        500,
        {"code": "InternalError.Timeout", "message": "An internal timeout error has occurred"},
        DOWN,
    ),
    Answer("minimax", 200, minimax(1000, "unknown error"), PROVIDER),
    Answer("a worker died", 200, {"status": "FAILED", "error": "Worker exited with code 137"}, PROVIDER),
    Answer("a null", 200, None, RESPONSE),
    # False alarms
    Answer(
        "safety as a setting",
        400,
        {
            "error": {
                "message": "Unknown parameter: 'safety_tolerance'.",
                "param": "safety_tolerance",
                "code": "unknown_parameter",
            }
        },
        REQUEST,
        True,
    ),
    Answer(
        "a filter that failed",
        500,
        {"code": "ContentSecurityDetectionError", "message": "Internal error."},
        DOWN,
    ),
    Answer("filter timeout", 504, {"error": "Content filter timed out"}, DOWN),
    Answer(
        "a style", 422, {"detail": "style 'explicit_lines' is not available for this model"}, REQUEST, True
    ),
    Answer("sampler names", 400, {"error": "sampler name is case sensitive: use Euler a"}, REQUEST, True),
    Answer("bucket policy", 403, {"error": "Access denied by bucket policy"}, AUTH, True),
    Answer("model name", 404, {"error": "Model unstable/nsfw-anime-xl is not found"}, REQUEST, True),
    Answer(
        "model as a field", 400, {"error": "steps must be less than 50", "model": "nsfw-flux"}, REQUEST, True
    ),
    Answer(
        "harmless ratings",
        200,
        {
            "candidates": [
                {
                    "content": {"parts": []},
                    "finishReason": "MALFORMED_FUNCTION_CALL",
                    "safetyRatings": [
                        {
                            "category": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
                            "probability": "NEGLIGIBLE",
                            "blocked": False,
                        }
                    ],
                }
            ]
        },
        RESPONSE,
    ),
    Answer(
        "not filtered",
        500,
        openai(
            "Server error",
            "server_error",
            content_filter_results={"sexual": {"filtered": False, "severity": "safe"}},
        ),
        DOWN,
    ),
    Answer(
        "tokens",
        400,
        openai(
            "This model's maximum context is 4097 tokens. However, your messages resulted in an invalid token count."
        ),
        REQUEST,
        True,
    ),
    Answer(
        "a credit card style",
        400,
        openai("'credits' is not one of ['natural', 'vivid'] - 'style'", "invalid_value", param="style"),
        REQUEST,
        True,
    ),
    Answer(
        "pydantic echo",
        422,
        {
            "detail": f"1 validation error for Request\nsize\n  Input should be a valid integer [type=int_type, input_value='{PROMPT}', input_type=str]"
        },
        REQUEST,
        True,
    ),
    Answer(
        "echo of the whole request",
        400,
        {"message": "bad size", "request": {"prompt": PROMPT, "model": "x"}},
        REQUEST,
        True,
    ),
    Answer("echo as it is", 400, {"message": f"Cannot parse: {PROMPT}"}, REQUEST, True),
)
