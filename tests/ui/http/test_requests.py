"""A request's body is read within bounds, whatever is in it, and what is refused gets a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from core import Rejected
from core.asking import MAX_BODY
from core.chat.failure import LimitReached, Missing, Unavailable
from ui.http.bodies import Bodies
from ui.http.requests import MAX_BRACKETS, MAX_VALUES, TooLarge, reply_rejected, whole_number


@pytest.fixture
def client() -> Iterator[TestClient]:
    bodies = Bodies()

    async def read(request: Request) -> Response:
        async with bodies.read_object(request, "me") as values:
            return JSONResponse(len(values))

    routes = [Route("/", read, methods=["POST"])]
    with TestClient(Starlette(routes=routes, exception_handlers={Rejected: reply_rejected})) as client:
        yield client


NO_OBJECT = "The request is not a valid JSON object: send one."
TOO_MANY = "The request holds more than 5,000 values: leave out what no model takes."
FIELDS = ",".join(f'"a{n}":1' for n in range(80_000))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", NO_OBJECT),
        (b"no JSON", NO_OBJECT),
        (b"[1]", NO_OBJECT),
        (b'"text"', NO_OBJECT),
        (b'{"seed": NaN}', NO_OBJECT),
        (b'{"prompt": "\xff"}', NO_OBJECT),
        (b'{"prompt": "\\ud800"}', NO_OBJECT),
        (b'{"seed": ' + b"9" * 900_000 + b"}", NO_OBJECT),
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", NO_OBJECT),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, NO_OBJECT),
        (b"[" * 900_000, TOO_MANY),
        (b'{"options":[' + b"[]," * 300_000 + b"[]]}", TOO_MANY),
        (b'{"options":[' + b"{}," * 300_000 + b"{}]}", TOO_MANY),
        (b'{"options":{"a":[' + b"1," * MAX_VALUES + b"1]}}", TOO_MANY),
        (b'{"options":{"a":[' + b'"",' * 300_000 + b'""]}}', TOO_MANY),
        (f"{{{FIELDS}}}".encode(), TOO_MANY),
        (f'{{"options":{{{FIELDS}}}}}'.encode(), TOO_MANY),
    ],
)
def test_what_would_hold_up_everybody_is_refused(client: TestClient, body: bytes, sentence: str) -> None:
    answer = client.post("/", content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": sentence, "category": "invalid-request"})


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_counted_while_it_is_read(client: TestClient, chunked: bool) -> None:
    read = 0

    def parts() -> Iterator[bytes]:
        nonlocal read
        for read in range(1, 100):  # noqa: B007
            yield b" " * (MAX_BODY // 4)

    answer = client.post("/", content=parts() if chunked else b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert answer.json()["error"] == "This is larger than 1,000,000 bytes: send something smaller."


def test_the_longest_prompts_that_can_be_set_are_read(client: TestClient) -> None:
    for prompt in ("[" * (MAX_BRACKETS - 1), ",{" * 20_000, "é" * 100_000, '"' * 100_000, "🦊" * 50_000):
        assert client.post("/", content=json.dumps({"prompt": prompt}).encode()).json() == 1
    fields = {f"model-{n}/option": None for n in range(MAX_VALUES - 1)}
    assert client.post("/", json=fields).json() == MAX_VALUES - 1
    assert client.post("/", content=iter([b'{"prompt":', b' "in chunks"}'])).json() == 1


@pytest.mark.parametrize(
    ("refusal", "status", "category", "retry_after"),
    [
        (Rejected("No."), 400, "invalid-request", None),
        (Missing("Gone."), 404, "not-found", None),
        (TooLarge("Less."), 413, "invalid-request", None),
        (LimitReached("Later."), 429, "rate-limit", "5"),
        (LimitReached("Later.", 0), 429, "rate-limit", "5"),
        (LimitReached("Later.", 59.2), 429, "rate-limit", "60"),
        (Unavailable("Soon."), 503, "unavailable", "5"),
    ],
)
@pytest.mark.anyio
async def test_each_refusal_has_its_status_and_its_category(
    refusal: Rejected, status: int, category: str, retry_after: str | None
) -> None:
    reply = await reply_rejected(Request({"type": "http"}), refusal)
    assert reply.status_code == status
    assert reply.headers.get("retry-after") == retry_after
    assert json.loads(bytes(reply.body)) == {"error": str(refusal), "category": category}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("7", 7),
        ("1795651219224454", 1795651219224454),
        ("9" * 5_000, 0),
        ("-1", 0),
        ("１", 0),
        ("1.0", 0),
    ],
)
def test_a_number_from_a_link_is_one_or_nothing(text: str, number: int) -> None:
    assert whole_number(text) == number
