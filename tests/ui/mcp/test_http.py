"""`/mcp` as clients misuse it, and what stands in front of it."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
import warnings
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import jsonschema
import pytest

from core.chat.failure import Unavailable
from tests.core.scripted import NEEDS_KEY, PNG, Gate, ScriptedProvider
from tests.doors import GOOD
from tests.serving import Serving
from tests.ui.http.client import open_client
from tests.ui.mcp.clients import ACCEPT, HELLO, call, message
from tests.waiting import until
from ui.http import bodies
from ui.http.bodies import Bodies

pytestmark = pytest.mark.anyio

IMAGE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
TAKES: dict[str, Any] = {"model": {"images": {"most": 2}}}


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/mcp", content=body, headers={**ACCEPT, **named})


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """Returns the messages of a stream of events."""
    assert answer.headers["content-type"] == "text/event-stream"
    parts = [part for part in answer.text.split("\n\n") if part]
    return [json.loads(part.removeprefix("event: message\ndata: ")) for part in parts]


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"", 400, -32700, "not a valid JSON object"),
        (b"prompt=a+fox", 400, -32700, "not a valid JSON object"),
        (b"[" * 10_000 + b"]" * 10_000, 400, -32700, "not a valid JSON object"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, -32700, "not a valid JSON object"),
        (b"[" + message("ping") + b"]", 400, -32700, "not a valid JSON object"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud83d"}', 400, -32700, "not a valid JSON object"),
        (call("generate_image", {"prompt": "a \ud83d fox"}), 400, -32700, "not a valid JSON object"),
        (b"\xff\xfe", 400, -32700, "not a valid JSON object"),
        (b"[" * 60_000, 400, -32700, "more than 5,000 values"),
        (b"{}", 400, -32600, "not a JSON-RPC 2.0 message"),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', 400, -32600, "not a JSON-RPC 2.0 message"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', 400, -32600, "not a JSON-RPC 2.0 message"),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', 400, -32600, "id"),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', 400, -32600, "id"),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', 400, -32600, "id"),
        (message("resources/list"), 200, -32601, "no method 'resources/list'"),
        (message("a" * 100_000), 200, -32601, "no method 'aaa"),
        (message("tools/call"), 200, -32602, "The params of tools/call cannot be read"),
        (message("tools/call", {"name": 7}), 200, -32602, "The params.name of tools/call"),
        (message("tools/call", [1]), 200, -32602, "params"),
        (message("tools/call", {"name": "generate_image", "arguments": [1]}), 200, -32602, "object"),
        (message("initialize", {}), 200, -32602, "The params.protocolVersion of initialize"),
    ],
    ids=range(22),
)
async def test_what_is_no_message_is_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes, status: int, code: int, words: str
) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await post(client, body)
    said = answer.json()
    assert (answer.status_code, said["error"]["code"]) == (status, code)
    assert said["id"] == (1 if status == 200 else None)
    assert words in said["error"]["message"]
    assert "\n" not in said["error"]["message"]
    assert len(answer.content) < 400
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelname not in ("INFO", "DEBUG")]


async def test_what_is_not_json_or_of_another_version_is_refused(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = await post(client, message("ping"), Content_Type=media_type)
            assert (answer.status_code, "JSON" in answer.json()["error"]) == (415, True)
        answer = await post(client, message("ping"), Mcp_Protocol_Version="1999-01-01")
        assert (answer.status_code, "1999-01-01" in answer.json()["error"]) == (400, True)
        assert (await post(client, message("ping"), Mcp_Protocol_Version="2025-06-18")).is_success


async def test_other_methods_are_answered(tmp_path: Path) -> None:
    """There is no stream to open without a message, and no session to delete."""
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        opened = await client.get("/mcp", headers={"Accept": "text/event-stream"})
        assert (opened.status_code, "Assistants" in opened.json()["error"]) == (405, True)
        assert (await client.delete("/mcp")).status_code == 204
        assert (await client.put("/mcp")).status_code == 405


async def test_another_site_cannot_spend(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
            assert (
                await post(client, call("generate_image", {"prompt": "a fox"}), **headers)
            ).status_code == 403
        rebound = await post(client, call("generate_image", {"prompt": "a fox"}), Host="evil.example")
        assert rebound.status_code == 403
    assert scripted.requests == []


async def test_a_client_that_takes_no_events_gets_json(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        answer = await post(client, call("generate_image", {"prompt": "a fox"}), Accept="application/json")
        result = answer.json()["result"]
        stored = await studio.store.read(result["structuredContent"]["pictures"][0]["id"])
    assert base64.b64decode(result["content"][0]["data"]) == stored == PNG


async def test_no_session_is_needed_and_none_is_kept(tmp_path: Path) -> None:
    """So that any of several servers can answer, and a restart is not noticed."""
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        names = [(await post(client, message("initialize", HELLO))).headers["mcp-session-id"] for _ in "ab"]
        assert len(set(names)) == 2
        for session in ({}, {"Mcp_Session_Id": names[0]}, {"Mcp_Session_Id": "another server's"}):
            tools = (await post(client, message("tools/list"), **session)).json()["result"]["tools"]
            assert len(tools) == 3


async def test_notifications_are_taken_and_never_answered(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for said in (
            message("notifications/initialized", id=None),
            message("notifications/cancelled", {"requestId": 9}, None),
            message("notifications/cancelled", {"requestId": []}, None),
            message("notifications/cancelled", [], None),
            message("notifications/unheard-of", {"a": 1}, None),
            b'{"jsonrpc": "2.0", "id": 3, "result": {}}',
            b'{"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": "no"}}',
        ):
            answer = await post(client, said, Mcp_Session_Id="mine")
            assert (answer.status_code, answer.content) == (202, b""), said


async def test_only_whoever_called_can_cancel(tmp_path: Path) -> None:
    gate = Gate()
    cancel = message("notifications/cancelled", {"requestId": 1}, None)
    async with open_client(tmp_path, ScriptedProvider(gate)) as (client, _):
        asking = asyncio.create_task(
            post(client, call("generate_image", {"prompt": "a fox"}), Mcp_Session_Id="mine")
        )
        await asyncio.wait_for(gate.reached.wait(), 20)
        await post(client, cancel, Mcp_Session_Id="another")
        await post(client, cancel)
        gate.open.set()
        (answer,) = events(await asking)
    assert not answer["result"]["isError"]


async def test_the_limits_hold(tmp_path: Path) -> None:
    gate = Gate()
    settings = {"max_in_flight": 1, "rate_limit": "2/hour"}
    asked = call("generate_image", {"prompt": "a fox"})
    async with open_client(tmp_path, ScriptedProvider(gate), **settings) as (client, _):
        first = asyncio.create_task(post(client, asked))
        await asyncio.wait_for(gate.reached.wait(), 20)
        (busy,) = events(await post(client, asked))
        gate.open.set()
        await first
        await post(client, asked)
        (beyond,) = events(await post(client, asked))
    assert busy["result"]["structuredContent"]["category"] == "rate-limit"
    assert "already being made" in busy["result"]["content"][0]["text"]
    assert beyond["result"]["isError"]
    assert 0 < beyond["result"]["structuredContent"]["retryAfter"] <= 3600


async def test_a_visitor_is_offered_what_they_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "sk-of-the-owner")
    async with open_client(tmp_path, ScriptedProvider(**NEEDS_KEY), "203.0.113.7") as (client, _):
        tools = (await post(client, message("tools/list"))).json()["result"]["tools"]
        answer = await post(client, call("list_providers", {}), Accept="application/json")
    given = tools[0]["inputSchema"]
    assert given["properties"]["provider"]["enum"] == ["sketch"]
    assert given["required"] == ["prompt", "provider"], "the default is not theirs to use"
    known = answer.json()["result"]["structuredContent"]
    assert [one["name"] for one in known["providers"]] == ["sketch"]
    assert known["default"] is None
    assert "SCRIPTED_API_KEY" not in answer.text


async def test_an_assistant_is_told_of_the_providers_what_a_program_is(tmp_path: Path) -> None:
    scripted = ScriptedProvider(**TAKES, paid=False)
    async with open_client(tmp_path, scripted) as (client, _):
        tools = (await post(client, message("tools/list"))).json()["result"]["tools"]
        told = await post(client, call("list_providers", {}), Accept="application/json")
        known = (await client.get("/api/providers")).json()
        schemas = (await client.get("/openapi.json")).json()["components"]
    assert told.json()["result"]["structuredContent"] == known
    (schema,) = [tool["outputSchema"] for tool in tools if tool["name"] == "list_providers"]
    jsonschema.validate(known, schema)
    jsonschema.validate(known, {"$ref": "#/components/schemas/Providers", "components": schemas})
    both = [
        json.dumps(schema["$defs"]),
        json.dumps({name: schemas["schemas"][name] for name in schema["$defs"]}),
    ]
    assert both[0] == both[1].replace("#/components/schemas/", "#/$defs/"), "and it is described alike"


async def test_pictures_come_with_a_link_where_one_is_set(tmp_path: Path) -> None:
    scripted = ScriptedProvider(**TAKES)
    async with open_client(tmp_path, scripted, public_url="https://pictures.example/l/") as (client, _):
        (made,) = events(await post(client, call("generate_image", {"prompt": "a fox"})))
        (entry,) = made["result"]["structuredContent"]["pictures"]
        assert entry["url"] == f"https://pictures.example/l/limner/pictures/{entry['id']}/a-fox.png"
        edit = {"prompt": "at night", "images": [entry["url"], IMAGE]}
        (edited,) = events(await post(client, call("edit_image", edit)))
        assert not edited["result"]["isError"], "the link is known to be one of its own, and not fetched"
    assert [image.filename for image in scripted.requests[1].images] == ["a-fox.png", "picture.png"]


async def test_pictures_that_were_sent_are_not_held_while_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, counted = Gate(), list[Bodies]()
    monkeypatch.setattr(bodies, "SMALL", 5)
    keep = Bodies.__init__

    def note(self: Bodies) -> None:
        counted.append(self)
        keep(self)

    monkeypatch.setattr(Bodies, "__init__", note)
    asked = call("edit_image", {"prompt": "at night", "images": [IMAGE]})
    async with open_client(tmp_path, ScriptedProvider(gate, **TAKES)) as (client, _):
        asking = asyncio.create_task(post(client, asked))
        await asyncio.wait_for(gate.reached.wait(), 20)
        await until(lambda: not counted[0]._held_in_all)
        gate.open.set()
        (answer,) = events(await asking)
    assert not answer["result"]["isError"]


async def test_too_much_at_once_is_an_answer_of_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_EACH", 100)
    async with open_client(tmp_path, ScriptedProvider(), max_bytes=1_000) as (client, _):
        answer = await post(client, b" " * 2_000_000)
    assert (answer.status_code, "larger" in answer.json()["error"]) == (413, True)


async def test_calls_that_overlap_leave_the_warnings_of_the_process_alone(tmp_path: Path) -> None:
    gate, before = Gate(), warnings.filters  # a recording puts a copy in its place
    async with open_client(tmp_path, ScriptedProvider(gate)) as (client, _):
        asking = [asyncio.create_task(post(client, call("generate_image", {"prompt": "a"}, n))) for n in "ab"]
        await asyncio.wait_for(gate.reached.wait(), 20)
        assert warnings.filters is before
        gate.open.set()
        await asyncio.gather(*asking)
    assert warnings.filters is before


async def test_a_bug_is_a_sentence_and_in_the_log_without_the_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ValueError("inside of Limner")

    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        monkeypatch.setattr(studio, "conversation", fail)
        (answer,) = events(await post(client, call("generate_image", {"prompt": "a fox"})))
        refused = Unavailable("The disk is full: try again.")
        monkeypatch.setattr(studio, "conversation", lambda *_: (_ for _ in ()).throw(refused))
        (full,) = events(await post(client, call("generate_image", {"prompt": "a fox"})))
    assert "inside" not in json.dumps(answer)
    assert answer["result"]["structuredContent"]["category"] == "internal"
    assert "inside of Limner" in caplog.text
    assert full["result"]["structuredContent"] == {
        "category": "unavailable",
        "retryAfter": 5.0,
        "error": "The disk is full: try again.",
    }


def ask(serving: Serving, data: Any, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{serving.url}/mcp", data, {**ACCEPT, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_the_running_app_answers_what_is_too_large_or_too_deep(app: Serving) -> None:
    before = app.log.stat().st_size
    length = 70_000_000  # more than a picture of the largest size as base64
    assert ask(app, b"x", **{"Content-Length": str(length)})[0] == 413
    chunks = (b" " * 1_000_000 for _ in range(70))
    assert ask(app, chunks, **{"Transfer-Encoding": "chunked"})[0] in (413, 429)
    deep = b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    assert ask(app, deep)[0] == 400
    fifty = call("generate_image", {**GOOD, "negative_prompt": "a" * 50_000_000})
    status, said = ask(app, fifty)
    assert (status, '"isError":true' in said) == (200, True)
    with app.log.open() as log:
        log.seek(before)
        assert "Traceback" not in log.read()


@pytest.mark.parametrize(
    "path", ["/gradio_api/mcp/", "/gradio_api/mcp/sse", "/gradio_api/mcp/schema", "/mcp/", "/mcp/sse"]
)
def test_gradio_offers_no_tools_even_where_its_variable_asks_for_them(
    with_gradios_mcp: Serving, path: str
) -> None:
    for data in (None, message("tools/list")):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(f"{with_gradios_mcp.url}{path}", data, ACCEPT), timeout=30
            )
        assert refused.value.code in (404, 405)
    _, said = ask(with_gradios_mcp, message("tools/list"))
    assert [tool["name"] for tool in json.loads(said)["result"]["tools"]] == [
        "generate_image",
        "edit_image",
        "list_providers",
    ]


def test_gradio_does_not_even_start_tools_where_its_variable_asks_for_them(
    with_gradios_mcp: Serving,
) -> None:
    """Its routes are closed besides, so that no answer would show it: it says so when it starts them."""
    log = with_gradios_mcp.log.read_text()
    assert "Running on local URL" in log
    assert "MCP" not in log


@pytest.fixture(scope="module")
def with_gradios_mcp(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.warm_serving import WarmServing

    folder = tmp_path_factory.mktemp("gradios")
    serving = WarmServing(folder, {"LIMNER_DATA_DIR": str(folder / "data"), "GRADIO_MCP_SERVER": "True"})
    yield serving
    serving.stop()
