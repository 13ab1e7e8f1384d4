"""What is not there, and what takes another method, is said by the running app in the form of each door."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.serving import Serving
from ui.http.refusals import NOTHING_HERE

THREAD = "0" * 32


def ask(app: Serving, method: str, path: str) -> tuple[int, str, str | None]:
    """Returns the status, the sentence in the form of the door that the path belongs to, and the methods."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    text, media_type = answer.read().decode(), answer.headers["Content-Type"]
    connection.close()
    if path == "/api/chat":
        assert media_type == "text/plain; charset=utf-8"
        return answer.status, text, answer.headers["Allow"]
    assert media_type == "application/json", text
    said = json.loads(text)
    if path.startswith("/v1"):
        error = said["error"]
        assert (said.keys(), error.keys()) == ({"error"}, {"message", "type", "param", "code"})
        return answer.status, error["message"], answer.headers["Allow"]
    assert said.keys() == {"error", "category"}
    assert said["category"] == {404: "not-found", 405: "invalid-request"}[answer.status]
    return answer.status, said["error"], answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        *("/limner", "/limner/x", "/limner/conversations/", "/limner/threads/1/x", "/limner/pictures/x"),
        *("/api", "/api/x", "/api/image/", "/api/chat/", "/mcp/", "/mcp/x"),
        *("/v1", "/v1/%0a"),
    ],
)
def test_an_unknown_address_is_answered_in_the_form_of_its_door(app: Serving, path: str) -> None:
    for method in ("GET", "POST"):
        assert ask(app, method, path) == (404, NOTHING_HERE, None)


@pytest.mark.parametrize("path", ["/v1/", "/v1/chat/completions", "/v1/images/generations/"])
def test_an_unknown_address_of_openais_is_told_which_are_there(app: Serving, path: str) -> None:
    said = (
        f"There is nothing at GET {path}: here are /v1/images/generations, /v1/images/edits and /v1/models."
    )
    assert ask(app, "GET", path) == (404, said, None)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/image", "POST"),
        ("/api/chat", "POST"),
        ("/api/providers", "GET, HEAD"),
        (f"/api/threads/{THREAD}", "GET, HEAD"),
        ("/limner/conversations", "GET, HEAD"),
        (f"/limner/threads/{THREAD}/price", "POST"),
        ("/v1/models", "GET, HEAD"),
        ("/v1/images/edits", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(app: Serving, path: str, allowed: str) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "BREW"):
        status, sentence, methods = ask(app, method, path)
        assert (status, {*str(methods).split(", ")}) == (405, {*allowed.split(", ")})
        assert allowed.partition(",")[0] in sentence


def test_a_browser_at_the_address_of_the_tools_is_told_whose_it_is(app: Serving) -> None:
    sentence = "Assistants speak to this address: give it to one, which sends its messages with POST."
    assert ask(app, "GET", "/mcp") == (405, sentence, "POST, DELETE")
