"""On the owner's account only what is listed runs, and a model's name reaches nothing but its own address."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from limner.testing import Loopback
from tests.security.conftest import PROXY, SPACE, send
from tests.serving import Serving

JSON = {"Content-Type": "application/json"}
PROVIDERS = ("openai", "replicate", "fal", "gemini", "a1111", "comfyui")
PATHS = {
    "openai": r"/v1/images/generations",
    "replicate": r"/v1/(predictions|models/[\w.-]+/[\w.-]+(/predictions)?)",
    "fal": r"(/[\w.-]+){2,5}",
    "gemini": r"/v1beta/(models/[\w.-]+:generateContent)",
}
"""The addresses at which a service makes pictures, of which the model is a part, but at OpenAI."""
NAMES = [
    *("..", "../account", "../../v1/account", "a/../../account", "a/..", "a/b/../../../account"),
    *(
        "a/b?x=1",
        "a/b#x",
        "a/b;x",
        "a//b",
        "//evil.test/b",
        "https://evil.test/a/b",
        "a/b/predictions/x/cancel",
    ),
    *("%2e%2e/account", "a/%2e%2e%2faccount", "a/b%3fx=1", "a/b%23", "a%2fb", "..%2f..%2faccount"),
    *(
        "a/b:../x",
        "a/b:x/../../y",
        "a\\b",
        "a/b\\..\\..\\account",
        "a/b\r\nX-Other: 1",
        "a/b c",
        "a/b@evil.test",
    ),
    *("a/．．/account", "a/b\u2044c", "a/b\x00", ".", "/", "?", "#", "a/.", "./a/b", "a/b/", "/a/b"),
]


def variables(service: Loopback) -> dict[str, str]:
    """Returns the settings of somebody with keys for everything, all of it at one place."""
    providers = {"fal": {"base_url": service.url}}
    return {
        "OPENAI_API_KEY": "sk-for-tests-0123456789",
        "OPENAI_BASE_URL": f"{service.url}/v1",
        "REPLICATE_API_TOKEN": "r8_for_tests_0123456789",
        "REPLICATE_BASE_URL": service.url,
        "FAL_KEY": "key-for-tests:0123456789",
        "GEMINI_API_KEY": "AIza-for-tests-0123456789",
        "GOOGLE_GEMINI_BASE_URL": service.url,
        "A1111_BASE_URL": service.url,
        "COMFYUI_BASE_URL": service.url,
        "LIMNER_PROVIDERS": json.dumps(providers),
        "LIMNER_RATE_LIMIT": "10000/minute",
        "LIMNER_MAX_RETRIES": "0",
        "LIMNER_TIMEOUT": "20",
    }


def ask(serving: Serving, body: object, headers: dict[str, str]) -> tuple[int, bytes]:
    return send(serving, "POST", "/api/image", json.dumps(body).encode(), {**headers, **JSON})


BEYOND = [
    {"num_outputs": 100},
    {"num_outputs": 4},
    {"num_inference_steps": 10_000},
    {"input": {"num_outputs": 100}},
    {"n": 10},
    {"extra_body": {"n": 10}},
    {"webhook": "https://evil.test/"},
]


def test_a_visitor_of_a_space_has_listed_models_and_bounded_options(
    serve: Callable[..., Serving],
) -> None:
    models = (*NAMES, "someone/video-model", "me/private-model", "sora-2")
    with Loopback({}) as service:
        serving = serve(**variables(service) | SPACE, LIMNER_BUDGET="1000/day")
        for provider in PROVIDERS:
            for model in models:
                body = {"prompt": "a fox", "provider": provider, "model": model}
                status, said = ask(serving, body, PROXY)
                assert status == 400, (provider, model, said)
                assert b"has no model" in said or b"must be the id of a model" in said
            for options in BEYOND:
                body = {"prompt": "a fox", "provider": provider, "options": options}
                status, said = ask(serving, body, PROXY)
                assert status == 400, (provider, options, said)
        assert service.requests == []


def test_whatever_the_owner_names_only_addresses_of_models_are_asked(serve: Callable[..., Serving]) -> None:
    with Loopback({}) as service:
        serving = serve(**variables(service))
        for provider, addresses in PATHS.items():
            before = len(service.requests)
            for model in NAMES:
                ask(serving, {"prompt": "a fox", "provider": provider, "model": model}, {"Host": "localhost"})
            asked = {request.path for request in service.requests[before:]}
            assert {path for path in asked if not re.fullmatch(addresses, path)} == set()
            hidden = [
                path for path in asked if re.search(r"\.\.|%2e|%2f|//|account|[?#\\]", path, re.IGNORECASE)
            ]
            assert hidden == []
        assert "Traceback" not in serving.log.read_text()
