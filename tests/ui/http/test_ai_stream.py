"""The AI SDK's own chat, which speaks to Limner as it does to a route of its own."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.error import HTTPError

import pytest
from PIL import Image

from tests.doors import GOOD, NOT_JSON, REFUSED, Refused
from tests.node import commands, environment, install
from tests.serving import ROOT, Serving
from tests.ui.conftest import Gate
from tests.waiting import until

Turn = Callable[..., dict[str, Any]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def chat(app: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turn]:
    """Takes one turn after another in a chat, and returns its state after each."""
    folder = tmp_path_factory.mktemp("chat")
    (folder / "node_modules").symlink_to(install({"ai": "^7"}))
    shutil.copy(ROOT / "tests" / "ui" / "http" / "chat.mjs", folder)
    with subprocess.Popen(
        [*commands().node, "chat.mjs", app.url],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        said, state = process.stdin, process.stdout

        def turn(kind: str = "new", text: str = "", *, files: object = (), **body: object) -> dict[str, Any]:
            message = {"text": text, "files": files} if files else {"text": text}
            said.write(f"{json.dumps({'turn': kind, 'message': message, 'body': body})}\n")
            said.flush()
            return {} if kind == "begin" else json.loads(state.readline())

        yield turn
        said.close()


def post(app: Serving, path: str, body: object, media_type: str = "application/json") -> tuple[int, str, str]:
    """Returns the status, the type, and the text of the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(app.url + path, data, {"Content-Type": media_type})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def file_of(state: dict[str, Any]) -> dict[str, Any]:
    """Returns the one part of the last message."""
    assert (state["status"], state["messages"][-1]["role"]) == ("ready", "assistant"), state
    (part,) = state["messages"][-1]["parts"]
    return part


def test_a_chat_goes_on_and_what_it_made_can_be_made_again(chat: Turn) -> None:
    first = file_of(chat("new", "a boat"))
    states = [chat("regenerate") for _ in range(3)]
    again = states[-1]
    assert {file_of(state)["url"] for state in states} != {first["url"]}, (
        "other seeds, some of which look alike"
    )
    assert len(again["messages"]) == 2
    further = chat("next", "a boat #jpeg")
    assert file_of(further)["mediaType"] == "image/jpeg"
    assert [message["role"] for message in further["messages"]] == ["user", "assistant"] * 2


def test_files_of_the_message_are_what_the_picture_is_made_from(chat: Turn) -> None:
    file = BytesIO()
    Image.new("RGB", (64, 48), "navy").save(file, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    part = {"type": "file", "mediaType": "image/png", "url": url, "filename": "sea.png"}
    state = chat("new", "in autumn", files=[part], provider="sketch")
    assert state["messages"][-1]["metadata"]["fromPictures"] is True, state
    refused = chat("new", "in autumn", files=[{**part, "url": "/etc/passwd"}], provider="sketch")
    assert (refused["status"], refused["code"]) == ("error", 400)
    assert "data: URI" in refused["error"]


@pytest.mark.parametrize(
    ("tag", "words"), [("#filtered", "refused it: its content filter"), ("#auth", "rejected the API key.")]
)
def test_a_failure_is_one_sentence(chat: Turn, tag: str, words: str) -> None:
    state = chat("new", f"a boat {tag}")
    assert state["status"] == "error"
    assert words in state["error"]
    assert "{" not in state["error"], "no JSON, since a chat shows it as it is"


@pytest.mark.anyio
async def test_what_is_stopped_in_the_chat_stops_at_the_provider(chat: Turn, gate: Gate) -> None:
    chat("begin", f"a boat {gate.tag}")
    await until(lambda: gate.is_at("reached"))
    assert chat("stop")["status"] == "ready"
    await until(lambda: gate.is_at("stopped"))


def test_a_refusal_reaches_the_chat_as_its_sentence(chat: Turn) -> None:
    state = chat("new", "a fox", size="0x0")
    assert (state["status"], state["code"]) == ("error", 400)
    assert state["error"] == "The size '0x0' is not clear: write it as 1024x768, or a ratio such as 3:2."


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_no_door_takes_is_refused_here(app: Serving, refused: Refused) -> None:
    values = {name: value for name, value in {**GOOD, **refused.values}.items() if value is not None}
    prompt = [{"type": "text", "text": values.pop("prompt")}] if "prompt" in values else []
    assert_refused(app, {"messages": [{"role": "user", "parts": prompt}], **values}, refused.words)


def assert_refused(app: Serving, body: object, words: str) -> None:
    status, kind, sentence = post(app, "/api/chat", body)
    assert (status, kind) == (400, "text/plain; charset=utf-8"), sentence
    assert re.search(words, sentence, re.IGNORECASE), sentence
    assert "Traceback" not in sentence


TEXT = {"type": "text", "text": "a fox"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": {}},
        {"messages": []},
        {"messages": ["a fox"]},
        {"messages": [{"role": "assistant", "parts": [TEXT]}]},
        {"messages": [{"role": "user", "content": "a fox"}]},
        {"messages": [{"role": "user", "parts": [TEXT, None]}]},
        *(
            {"messages": [{"role": "user", "parts": [TEXT, {"type": "file", "url": url}]}]}
            for url in (None, 7, "", "/etc/passwd", "http://127.0.0.1/", "data:text/html,x", "file:///x.png")
        ),
    ],
)
def test_messages_of_another_form_are_answered_with_the_right_one(app: Serving, body: object) -> None:
    assert_refused(app, body, "Send the messages as the AI SDK does")


@pytest.mark.parametrize("body", [b"", b"a fox", b"[1]", b"[" * 10_000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(app: Serving, body: bytes) -> None:
    assert_refused(app, body, "not a valid JSON object")


@pytest.mark.parametrize("media_type", NOT_JSON)
def test_a_body_of_another_type_is_told_what_to_send(app: Serving, media_type: str) -> None:
    status, kind, sentence = post(
        app, "/api/chat", {"messages": [{"role": "user", "parts": [TEXT]}]}, media_type
    )
    assert (status, kind) == (415, "text/plain; charset=utf-8")
    assert sentence.endswith("send JSON, with the header Content-Type: application/json.")


def test_what_a_chat_sends_of_its_own_is_left_alone(app: Serving) -> None:
    asked = {"messages": [{"role": "user", "parts": [TEXT]}], "id": "x", "trigger": "submit-message"}
    status, kind, stream = post(app, "/api/chat", {**asked, "system": "…", "tools": {}, "images": ["x"]})
    assert (status, kind) == (200, "text/event-stream; charset=utf-8"), stream
    assert stream.endswith("data: [DONE]\n\n")
