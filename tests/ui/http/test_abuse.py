"""What a stranger tries with the running app: spend the owner's money, keep others out, fool them."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Page, expect

from core.settings.clients import hash_of, new_key
from limner.testing.loopback import Loopback, Reply
from tests.serving import Serving
from tests.ui.chat import Chat
from tests.warm_serving import WarmServing
from ui.http.streams import MAX_OF_ONE_VISITOR

THREAD = "0" * 32


def post(url: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    json_with = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), json_with)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def service() -> Iterator[Loopback]:
    """A service that costs the owner money, and counts what it is asked."""
    with Loopback({}) as service:
        yield service


@pytest.fixture
def paid(service: Loopback) -> dict[str, str]:
    return paid_at(service)


def paid_at(service: Loopback) -> dict[str, str]:
    """Returns the settings of an owner who has keys, and a page that others see."""
    return {
        "LIMNER_BEHIND_PROXY": "true",
        "REPLICATE_API_TOKEN": "r8_for_tests_0123456789",
        "REPLICATE_BASE_URL": service.url,
        "OPENAI_API_KEY": "sk-for-tests-0123456789",
        "OPENAI_BASE_URL": f"{service.url}/v1",
    }


@pytest.fixture(scope="module")
def without_budget(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Loopback]]:
    """The page of such an owner who has set no budget, and the service that would cost money."""
    folder = tmp_path_factory.mktemp("without_budget")
    variables = {"LIMNER_PROVIDER": "replicate", "LIMNER_PROVIDERS": '{"replicate": {"models": ["me/own"]}}'}
    with Loopback({}) as service:
        serving = WarmServing(folder, {**paid_at(service), **variables, "LIMNER_DATA_DIR": f"{folder}/data"})
        yield serving, service
        serving.stop()


LISTED = "black-forest-labs/flux-schnell"

FREE_INPUT = {"input": {"num_outputs": 100}}
TOO_MUCH = [
    ({"model": "someone/video-model"}, "has no model 'someone/video-model'"),
    ({"model": "../../account"}, "has no model '../../account'"),
    ({"provider": "openai", "model": "sora-2"}, "has no model 'sora-2'"),
    ({"model": "me/own", "options": FREE_INPUT}, "Only whoever runs Limner may set the option 'input'"),
    (
        {"model": LISTED, "options": {"num_inference_steps": 10_000}},
        "The option num_inference_steps is wrong",
    ),
    ({"model": LISTED, "options": FREE_INPUT}, "has no option 'input'"),
]


def test_visitors_get_the_listed_models_with_bounded_options(
    serve: Callable[..., Serving], paid: dict[str, str], service: Loopback
) -> None:
    models = json.dumps({"replicate": {"models": [LISTED, "me/own"]}})
    serving = serve(**paid, LIMNER_BUDGET="9/day", LIMNER_PROVIDERS=models)
    for asked, sentence in TOO_MUCH:
        body = {"prompt": "a fox", "provider": "replicate", **asked}
        status, answer = post(f"{serving.url}/api/image", body)
        assert status == 400
        assert sentence in answer["error"]
    assert service.requests == []


def test_json_that_is_nested_deep_in_an_option_is_a_mistake_and_no_failure(proxied: Serving) -> None:
    asked = {"prompt": "a fox", "provider": "replicate"}
    # the one that takes any input is the owner's; the other has no such option, and the sketch stands in
    models = {"a/b": 400, "black-forest-labs/flux-schnell": 201}
    for text in ("[" * 40_000, '{"a":' * 5_000, "no JSON", "[NaN]"):
        for model, status in models.items():
            body = {**asked, "model": model, "replicate/owner/name/input": text}
            assert post(f"{proxied.url}/limner/threads/{THREAD}/messages", body)[0] == status
    assert "Traceback" not in proxied.log.read_text()


def test_without_a_budget_no_visitor_spends(without_budget: tuple[Serving, Loopback]) -> None:
    serving, service = without_budget
    for provider in ("openai", "replicate"):
        status, answer = post(f"{serving.url}/api/image", {"prompt": "a fox", "provider": provider})
        assert (status, answer["metadata"]["provider"]) == (200, "sketch")
        (warning,) = answer["metadata"]["warnings"]
        assert "has set no budget for visitors: use a key of your own" in str(warning)
    assert service.requests == []
    assert post(f"{serving.url}/api/image", {"prompt": "a fox", "size": "256x256"})[0] == 200


def test_a_proxy_that_the_settings_do_not_know_makes_no_visitor_the_owner(
    serve: Callable[..., Serving], paid: dict[str, str], service: Loopback
) -> None:
    serving = serve(**paid | {"LIMNER_BEHIND_PROXY": "false", "LIMNER_RATE_LIMIT": "3/hour"})
    asked = {"prompt": "a fox", "provider": "openai"}
    post(f"{serving.url}/api/image", asked)
    assert len(service.requests) == 1, "the owner may"
    answers = [
        post(f"{serving.url}/api/image", asked, **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(3)
    ]
    assert [answer["metadata"]["provider"] for _, answer in answers[:2]] == ["sketch"] * 2
    assert [status for status, _ in answers] == [200, 200, 429], "no header makes another visitor"
    assert len(service.requests) == 1


@pytest.mark.browser
def test_the_page_offers_visitors_only_what_they_may_have(
    without_budget: tuple[Serving, Loopback], page: Page
) -> None:
    serving, _ = without_budget
    chat = Chat(page, serving.url)
    expect(chat.create).to_be_visible()
    with urllib.request.urlopen(serving.url, timeout=30) as answer:
        assert "options.input" not in answer.read().decode()
    expect(page.get_by_role("button", name="Options")).not_to_be_visible()  # there would be "input" alone
    with urllib.request.urlopen(f"{serving.url}/limner/offer?provider=openai", timeout=30) as answer:
        assert json.load(answer)["other_models"] is False


def test_rate_is_counted_for_each_visitor_whatever_they_call_themselves(
    serve: Callable[..., Serving],
) -> None:
    serving = serve(LIMNER_BEHIND_PROXY="true", LIMNER_RATE_LIMIT="3/hour")

    def ask(*lines: str) -> int:
        connection = HTTPConnection("127.0.0.1", serving.port, timeout=30)
        body = json.dumps({"prompt": "a fox", "size": "256x256"})
        connection.putrequest("POST", "/api/image")
        for line in lines:
            connection.putheader("X-Forwarded-For", line)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200 or int(answer.headers["Retry-After"]) > 3000
        return answer.status

    seven = [("203.0.113.7",), ("1.1.1.1", "203.0.113.7"), ("9.9.9.9, ::ffff:203.0.113.7",)]
    assert [ask(*lines) for lines in (*seven, ("203.0.113.7:99",), ("8.8.8.8", "203.0.113.7"))] == [
        200
    ] * 3 + [429] * 2
    six = [f"2001:db8:1:2::{n}" for n in range(5)]
    assert [ask(address) for address in six] == [200] * 3 + [429] * 2
    serving.restart()
    assert ask("203.0.113.7") == 429, "a restart gives nothing anew"
    assert ask("203.0.113.8") == 200


def by_page(number: int) -> tuple[str, dict[str, Any]]:
    asked = {"prompt": "a fox", "provider": "sketch", "size": "256x256"}
    return f"/limner/threads/{number:032x}/messages", asked


def by_route(_: int) -> tuple[str, dict[str, Any]]:
    return "/api/image", {"prompt": "a fox", "size": "256x256"}


def by_gateway(_: int) -> tuple[str, dict[str, Any]]:
    return "/v1/images/generations", {"prompt": "a fox", "model": "sketch/sketch-1", "size": "256x256"}


def by_assistant(number: int) -> tuple[str, dict[str, Any]]:
    called = {"name": "generate_image", "arguments": {"prompt": "a fox", "size": "256x256"}}
    return "/mcp", {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": called}


DOORS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "page": by_page,
    "route": by_route,
    "gateway": by_gateway,
    "assistant": by_assistant,
}
"""Every way to ask for a picture over HTTP: the path and the body of a request, which have a number."""
KEYS = {name: new_key() for name in ("notebook", "web")}


def ask_by(door: str, serving: Serving, number: int, **headers: str) -> str | None:
    """Asks for a picture, and returns what is said if none is made."""
    path, body = DOORS[door](number)
    accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{serving.url}{path}", json.dumps(body).encode(), {**accepted, **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, said = answer.status, answer.read().decode()
    except HTTPError as error:
        status, said = error.code, error.read().decode()
    assert status in (200, 201, 429), said
    is_refused = status == 429 or '"isError":true' in said.replace(" ", "")
    return said if is_refused else None


def test_all_doors_share_one_limit_whatever_cookie_somebody_has(serve: Callable[..., Serving]) -> None:
    serving = serve(
        LIMNER_BEHIND_PROXY="true", LIMNER_RATE_LIMIT="4/minute, 5/day", LIMNER_RATE_LIMIT_TOTAL="7/day"
    )

    def ask(number: int, network: str) -> str | None:
        headers = {
            "X-Forwarded-For": f"198.51.100.{number}, {network}::{number}",
            "Cookie": f"limner_visitor={number:032x}",
        }
        return ask_by([*DOORS][number % len(DOORS)], serving, number, **headers)

    met = [ask(number, "2001:db8:9:1") for number in range(6)]
    assert met[:4] == [None] * 4
    for said in met[4:]:
        assert "You have reached the limit of 4 pictures per minute: try again in" in (said or "")
    others = [ask(number, f"2001:db8:9:{number}") for number in range(10, 15)]
    assert others[:3] == [None] * 3
    serving.restart()
    for said in (*others[3:], ask(20, "2001:db8:9:20"), ask(21, "2001:db8:9:21")):
        limit = "All visitors together have reached the limit of 7 pictures per day: try again in"
        assert limit in (said or ""), "a restart gives nothing anew"


def test_all_doors_share_the_limit_of_a_client_wherever_it_is(serve: Callable[..., Serving]) -> None:
    own = {"rate_limit": "3/day"}
    clients = {name: {"key": hash_of(key), **own} for name, key in KEYS.items()}
    serving = serve(LIMNER_BEHIND_PROXY="true", LIMNER_RATE_LIMIT="1/day", LIMNER_CLIENTS=json.dumps(clients))

    def ask(number: int, client: str | None) -> str | None:
        headers = {"X-Forwarded-For": f"198.51.100.{number if client else 99}"}
        if client:
            headers["Authorization"] = f"Bearer {KEYS[client]}"
        return ask_by([*DOORS][number % len(DOORS)], serving, number, **headers)

    met = [ask(number, "notebook") for number in range(3)]
    assert met == [None] * 3
    serving.restart()
    for number in range(3, 3 + len(DOORS)):
        said = ask(number, "notebook")
        assert "You have reached the limit of 3 pictures per day: try again in" in (said or "")
    assert ask(5, "web") is None
    assert ask(6, None) is None
    assert "limit of 1 picture per day" in (ask(7, None) or "")


def open_stream(serving: Serving, visitor: str) -> tuple[socket.socket, bytes]:
    """Opens a stream, and reads how the answer begins."""
    stream = socket.create_connection(("127.0.0.1", serving.port), 20)
    head = f"GET /limner/threads/{THREAD}/events HTTP/1.1\r\nHost: localhost\r\n"
    stream.sendall(f"{head}X-Forwarded-For: {visitor}\r\n\r\n".encode())
    return stream, stream.recv(12)


def test_idle_streams_lock_nobody_out(proxied: Serving) -> None:
    with ExitStack() as stack:
        begun: list[bytes] = []
        for _ in range(MAX_OF_ONE_VISITOR + 20):
            stream, head = open_stream(proxied, "203.0.113.7")
            stack.enter_context(stream)
            begun.append(head)
        assert begun == [b"HTTP/1.1 200"] * MAX_OF_ONE_VISITOR + [b"HTTP/1.1 429"] * 20
        other, head = open_stream(proxied, "203.0.113.8")
        stack.enter_context(other)
        assert head == b"HTTP/1.1 200"


def test_a_stream_gives_its_place_back(proxied: Serving) -> None:
    for _ in range(MAX_OF_ONE_VISITOR * 2):
        stream, head = open_stream(proxied, "203.0.113.7")
        assert head in (b"HTTP/1.1 200", b"HTTP/1.1 429")
        stream.close()
    with ExitStack() as stack:
        for _ in range(100):
            stream, head = open_stream(proxied, "203.0.113.7")
            stack.enter_context(stream)
            if head == b"HTTP/1.1 200":
                return
        pytest.fail("no place was given back")


def test_a_head_request_ends(proxied: Serving) -> None:
    connection = HTTPConnection("127.0.0.1", proxied.port, timeout=30)
    for _ in range(2):  # on one connection: the first has ended
        connection.request("HEAD", f"/limner/threads/{THREAD}/events")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert answer.headers["content-type"].startswith("text/event-stream")


def test_only_what_a_page_makes_up_is_a_conversation(proxied: Serving) -> None:
    """Another form could be guessed, or be a path."""
    for conversation in (
        "0",
        "0" * 31,
        "0" * 33,
        "A" * 32,
        "g" * 32,
        "0" * 31 + "%0a",
        "0" * 31 + "%EF%BC%90",
    ):
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"{proxied.url}/limner/threads/{conversation}/events", timeout=30)
        assert post(f"{proxied.url}/limner/threads/{conversation}/messages", {"prompt": "a fox"})[0] == 404


@pytest.mark.browser
def test_a_link_does_not_choose_the_name_of_a_download(proxied: Serving, page: Page) -> None:
    chat = Chat(page, proxied.url)
    source = chat.source(chat.ask("A red fox"))
    stored = source.rpartition("/")[0]
    for link in (f"{stored}/invoice.exe?download", f"{stored}/a%22;%20x.exe?download"):
        with urllib.request.urlopen(f"{chat.url}/{link}", timeout=30) as answer:
            assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a-red-fox.png"
            assert answer.headers["content-type"] == "image/png"


@pytest.mark.browser
def test_every_picture_has_the_headers_that_keep_it_a_picture(proxied: Serving, page: Page) -> None:
    chat = Chat(page, proxied.url)
    with urllib.request.urlopen(f"{chat.url}/{chat.source(chat.ask('A fox'))}", timeout=30) as answer:
        expected = {
            "cache-control": "private, max-age=31536000, immutable",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "cross-origin-resource-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
        }
        assert {name: answer.headers[name] for name in expected} == expected


@pytest.mark.browser
def test_another_site_cannot_show_the_page_in_a_frame(proxied: Serving, page: Page) -> None:
    framing = Reply(body=f'<iframe src="{proxied.url}"></iframe>', headers={"content-type": "text/html"})
    with Loopback({"/": framing}) as other:
        page.goto(f"{other.url}/")
        expect(page.frame_locator("iframe").get_by_label("Prompt", exact=True)).to_have_count(0)
        assert page.frames[1].url == "chrome-error://chromewebdata/"
