"""`/openapi.json` and `/docs` of the running app are ours, and need nothing from anywhere else."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page

from core.chat.causes import ROWS
from tests.serving import Serving
from ui.http.openapi import DOCUMENT
from ui.http.requests import CATEGORIES


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = [*value.values()]
    for inner in value if isinstance(value, list) else ():
        yield from references(inner)


def test_the_document_is_ours_alone(app: Serving) -> None:
    document = json.loads(get(f"{app.url}/openapi.json"))
    assert document == json.loads(json.dumps(DOCUMENT))
    assert document["openapi"].startswith("3.1")
    assert {"/api/image", "/api/providers", "/api/threads/{thread}", "/healthz", "/readyz"} <= {
        *document["paths"]
    }
    assert not [
        path for path in document["paths"] if re.match("/(gradio_api|limner|queue|upload|config)", path)
    ]
    for closed in ("/gradio_api/openapi.json", "/redoc", "/docs/oauth2-redirect"):
        with pytest.raises(HTTPError) as refused:
            get(f"{app.url}{closed}")
        assert refused.value.code == 404


def test_its_schemas_are_valid_and_all_are_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {name.rpartition("/")[2] for name in references(DOCUMENT)} == {*schemas}


def test_each_category_is_in_it() -> None:
    listed = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["category"]["enum"]
    assert {*listed} == {*ROWS, *CATEGORIES.values(), "cancelled"}


@pytest.mark.browser
def test_the_page_shows_all_of_it_and_asks_nobody_else(app: Serving, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{app.url}/docs")
    text = page.inner_text("body")
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in text
            assert operation["summary"] in text
    page.click("text=ImageRequest >> nth=0")
    assert page.url.endswith("#ImageRequest")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 375, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "on a phone, too"
    page.set_viewport_size({"width": 1280, "height": 800})
    assert [url for url in asked if not url.startswith(app.url)] == []
    assert page.locator("script").count() == 0
