"""From the page to a service and back, with the app as a process and the real SDKs."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from limner.testing.loopback import Loopback, Reply, Request
from tests.serving import Serving
from tests.test_swapping import png, prediction
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

CANCEL = "/v1/predictions/rrr4z55ocneqzikepnug6xezpe/cancel"


def test_stop_in_the_page_cancels_the_prediction_once(serve: Callable[..., Serving], page: Page) -> None:
    canceled: list[Request] = []

    def replicate(request: Request) -> Reply:
        if request.path.endswith("/cancel"):
            canceled.append(request)
        return Reply(200, prediction("canceled" if canceled else "processing"))

    with Loopback(replicate) as service:
        app = serve(
            LIMNER_PROVIDER="replicate", REPLICATE_API_TOKEN="r8_of_a_test", REPLICATE_BASE_URL=service.url
        )
        chat = Chat(page, app.url)
        answer = chat.send("A red fox")
        service.wait_until(lambda service: len(service.requests) > 1, 30)
        assert not canceled

        chat.action(answer, "Stop").click()

        expect(answer.get_by_role("heading", name="Stopped")).to_be_visible()
        expect(answer.locator(".limner-running, img")).to_have_count(0)
        assert app.stop() == 0
    posts = [request.path for request in service.requests if request.method == "POST"]
    assert posts == ["/v1/models/black-forest-labs/flux-schnell/predictions", CANCEL]


def test_a_prompt_in_the_page_becomes_a_picture_of_openai(serve: Callable[..., Serving], page: Page) -> None:
    picture = png(1024)
    good: dict[str, Any] = {"created": 1, "data": [{"b64_json": base64.b64encode(picture).decode()}]}
    with Loopback({"/v1/images/generations": Reply(body=good)}) as service:
        app = serve(
            LIMNER_PROVIDER="openai",
            OPENAI_API_KEY="sk-of-a-test",
            OPENAI_BASE_URL=f"{service.url}/v1",
        )
        chat = Chat(page, app.url)
        answer = chat.ask("A red fox")

        assert page.request.get(f"{app.url}/{chat.source(answer)}").body() == picture
        expect(answer).to_contain_text(re.compile(r"OpenAI · GPT Image.* · 1024 × 1024"))
    (request,) = service.requests
    assert request.json["prompt"] == "A red fox"
    assert request.headers["authorization"] == "Bearer sk-of-a-test"
