"""What a stranger sends to the few routes for Gradio's clients: nothing of Gradio's is behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.security.conftest import PROXY, send
from tests.serving import Serving

JOIN, DATA, CANCEL = "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/cancel"
JSON = {**PROXY, "Content-Type": "application/json"}
SKETCH = ["a fox", "sketch", None, "64x64"]


def join(
    space: Serving, session: str = "mine", headers: dict[str, str] = JSON, **values: Any
) -> dict[str, Any]:
    body = {"data": SKETCH, "fn_index": 0, "session_hash": session, **values}
    status, answer = send(space, "POST", JOIN, json.dumps(body).encode(), headers)
    return {"status": status, **json.loads(answer)}


def told(space: Serving, session: str = "mine", headers: dict[str, str] = PROXY) -> list[dict[str, Any]]:
    status, answer = send(space, "GET", f"{DATA}?session_hash={session}", headers=headers)
    assert status == 200, answer
    return [json.loads(line[6:]) for line in answer.decode().splitlines() if line.startswith("data: ")]


def end(events: list[dict[str, Any]]) -> dict[str, Any]:
    (completed,) = [event for event in events if event["msg"] == "process_completed"]
    return completed


@pytest.mark.parametrize("fn_index", [1, -1, "0", None, [0], 2**70])
def test_no_other_function_is_called_by_its_number(space: Serving, fn_index: Any) -> None:
    assert join(space, fn_index=fn_index)["status"] == 404


def test_a_name_in_the_body_calls_nothing_else(space: Serving) -> None:
    assert (
        join(space, api_name="/reset", trigger_id=7, event_data={"a": 1}, simple_format=True)["status"] == 200
    )
    assert end(told(space))["output"]["data"][1]["provider"] == "sketch"


@pytest.mark.parametrize("data", [None, "a fox", {"prompt": "a fox"}, ["a"] * 10])
def test_what_is_no_list_of_values_is_refused(space: Serving, data: Any) -> None:
    answer = join(space, data=data)
    assert (answer["status"], answer["error"][:20]) == (400, "The data must be a l")


@pytest.mark.parametrize("session", [None, 7, "", "a" * 65, "../x", "a b", ["s"]])
def test_a_session_has_a_short_plain_name(space: Serving, session: Any) -> None:
    answer = join(space, session=session)
    assert (answer["status"], answer["error"][:20]) == (400, "The session_hash mus")


def test_another_visitor_reads_and_stops_nothing(space: Serving) -> None:
    event = join(space, session="private", data=["a fox", "sketch", None, "64x64", 7])["event_id"]
    other = {**PROXY, "X-Forwarded-For": "203.0.113.8"}
    assert send(space, "GET", f"{DATA}?session_hash=private", headers=other)[0] == 404
    assert send(space, "GET", f"{DATA}?session_hash={event}")[0] == 404
    stop = json.dumps({"session_hash": "private", "event_id": event, "fn_index": 0}).encode()
    assert send(space, "POST", CANCEL, stop, {**JSON, **other})[0] == 200, "it says nothing of what there is"
    assert end(told(space, "private"))["output"]["data"][1]["seed"] == 7


FILES = [
    "/etc/passwd",
    "file:///etc/passwd",
    "app.py",
    "http://127.0.0.1/x.png",
    {"path": "/etc/passwd"},
    {"path": "/etc/passwd", "url": None, "meta": {"_type": "gradio.FileData"}},
    {"path": "https://pictures.test/x.png", "meta": {"_type": "gradio.FileData"}},
    ["data:image/png;base64,AAAA"],
    7,
]


@pytest.mark.parametrize("image", FILES, ids=str)
@pytest.mark.parametrize("name", ["image", "mask"])
def test_no_path_goes_in_as_a_picture(space: Serving, name: str, image: Any) -> None:
    values = {"image": 7, "mask": 8}
    data: list[Any] = [*SKETCH, None, None, None, None, None]
    data[values[name]] = image
    assert join(space, data=data)["status"] == 200
    assert end(told(space))["output"]["error"].startswith(f"The {name} must be a text: a data: URI")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"data":[' + b"1," * 10_000 + b"1]}", 400),
        (b" " * 80_000_000, 413),
    ],
    ids=["empty", "list", "cut", "deep", "deeper", "long", "large"],
)
def test_a_body_that_is_none_is_refused_in_a_sentence(space: Serving, body: bytes, status: int) -> None:
    answered, answer = send(space, "POST", JOIN, body, JSON)
    assert answered == status
    assert json.loads(answer)["error"].endswith(".")


def test_calls_that_nobody_reads_are_soon_refused(space: Serving) -> None:
    stranger = {**JSON, "X-Forwarded-For": "203.0.113.99"}
    refused = [join(space, f"s{n}", stranger, data=[""])["status"] for n in range(70)]
    assert refused == [200] * 64 + [503] * 6
    assert join(space, data=[""])["status"] == 200, "others are served"
    told(space)


def test_another_sites_page_calls_nothing(space: Serving) -> None:
    for path in (JOIN, CANCEL):
        site = {**JSON, "Sec-Fetch-Site": "cross-site"}
        assert send(space, "POST", path, b"{}", site)[0] == 403


def test_only_a_stored_picture_is_a_file(space: Serving, tmp_path: Path) -> None:
    join(space)
    file = end(told(space))["output"]["data"][0]
    assert send(space, "GET", f"/gradio_api/file={file['path']}")[0] == 200
    for path in (
        "limner/pictures/../limner.sqlite3",
        "limner/pictures/%2e%2e/limner.sqlite3",
        "limner/pictures/..%2f..%2fetc%2fpasswd/x.png",
        f"limner/pictures/{'0' * 32}.png/x.png",
        "limner/thumbnails/x.png",
        f"/{file['path']}",
        f"{space.url}/{file['path']}",
        str(tmp_path),
    ):
        for method in ("GET", "HEAD"):
            assert send(space, method, f"/gradio_api/file={path}")[0] == 404, path


def test_the_description_says_nothing_of_the_machine_or_the_visitors(space: Serving) -> None:
    for path in ("/config", "/gradio_api/info"):
        status, answer = send(space, "GET", path)
        assert status == 200
        assert not [
            word for word in ("/tmp", "/work", "data_dir", "api_key", "203.0.113") if word in answer.decode()
        ]
    config = json.loads(send(space, "GET", "/config")[1])
    assert (config["root"], len(config["dependencies"])) == ("https://me-limner.hf.space", 1)
    assert (config["connect_heartbeat"], config["mcp_server"]) == (False, False)
