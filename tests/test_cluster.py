"""Two replicas behind nginx: what one begins the other goes on with, and nothing is lost or paid twice."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import psycopg
import pytest
from playwright.sync_api import BrowserContext, expect

from limner.identify import identify
from limner.testing.loopback import Loopback, Reply, Request
from tests.cluster import Cluster, run_cluster
from tests.core.scripted import PNG
from tests.ui.chat import Chat

SEED = 20_261_127
GENERATIONS = 200
PATIENCE = 60.0
"""Seconds until what a dead replica has left is taken over: a lease of 15, and a look each 5."""


class Queue:
    """Plays fal's queue; a prompt with `slow` in it is drawn until the test says that it is done."""

    def __init__(self) -> None:
        self.address = ""
        self.prompts: list[str] = []
        self.is_done = threading.Event()

    def __call__(self, request: Request) -> Reply:
        if request.method == "POST":
            self.prompts.append(request.json["prompt"])
            job = f"{self.address}/fal-ai/flux/requests/{len(self.prompts) - 1}"
            links = {"status_url": f"{job}/status", "response_url": job, "cancel_url": f"{job}/cancel"}
            return Reply(body={"request_id": job[-9:], "status": "IN_QUEUE", **links})
        if request.method == "PUT":
            return Reply(400, {"status": "ALREADY_COMPLETED"})
        number = int(request.path.partition("/requests/")[2].partition("/")[0])
        is_over = "slow" not in self.prompts[number] or self.is_done.is_set()
        if "/status" in request.path:
            return Reply(body={"status": "COMPLETED" if is_over else "IN_PROGRESS"})
        image = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        return Reply(body={"images": [{"url": image}], "seed": 1, "has_nsfw_concepts": [False]})


@pytest.fixture(scope="module")
def queue() -> Iterator[Queue]:
    played = Queue()
    with Loopback(played) as server:
        played.address = server.url
        yield played


@pytest.fixture(autouse=True)
def nothing_is_drawn_any_longer(queue: Queue) -> Iterator[None]:
    """Ends what a test that failed has left in the queue, so that the next one waits for its own alone."""
    yield
    queue.is_done.set()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, queue: Queue) -> Iterator[Cluster]:
    with run_cluster(tmp_path_factory.mktemp("cluster"), queue.address) as running:
        yield running


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.05)


def rows(cluster: Cluster, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.database) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.mark.browser
def test_a_conversation_goes_on_after_its_replica_is_killed_and_its_slow_job_arrives(
    cluster: Cluster, queue: Queue, context: BrowserContext
) -> None:
    chat = Chat(context.new_page(), cluster.url)
    chat.prompt.fill("a quick fox")
    chat.create.click()
    expect(chat.answers.nth(0).locator("img").first).to_be_visible()
    ((conversation,),) = rows(cluster, "SELECT id FROM conversation")
    cookies = {one["name"]: one["value"] for one in context.cookies() if "name" in one and "value" in one}
    # through a replica that the test knows, so that it can be killed
    sent = httpx2.post(
        f"{cluster.replicas[0].url}/limner/threads/{conversation}/messages",
        json={"prompt": "a slow fox"},
        cookies=cookies,
        headers={"X-Forwarded-For": "127.0.0.1"},
    )
    assert sent.status_code == 201, sent.text
    expect(chat.answers.nth(1).get_by_role("button", name="Stop")).to_be_visible()
    until(lambda: rows(cluster, "SELECT handle FROM version WHERE handle IS NOT NULL"), "A handle")
    cluster.kill(0)
    queue.is_done.set()
    expect(chat.answers.nth(1).locator("img").first).to_be_visible(timeout=PATIENCE * 1000)
    assert queue.prompts == ["a quick fox", "a slow fox"], "the service was asked once for each"
    chat.prompt.fill("another fox")
    chat.create.click()
    expect(chat.answers.nth(2).locator("img").first).to_be_visible()
    chat.page.reload()
    expect(chat.answers).to_have_count(3)
    cluster.revive(0)


def test_limits_hold_across_both(cluster: Cluster) -> None:
    who = {"X-Forwarded-For": "203.0.113.7"}
    outcomes: Counter[int] = Counter()

    def send(n: int) -> None:
        url = f"{cluster.replicas[n % 2].url}/limner/threads/{n:032x}/messages"
        outcomes[httpx2.post(url, json={"prompt": f"limit {n}"}, headers=who, timeout=30).status_code] += 1

    threads = [threading.Thread(target=send, args=(n,)) for n in range(1, 91)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {201: 60, 429: 30}


def test_what_is_sent_again_to_the_other_is_not_made_again(cluster: Cluster, queue: Queue) -> None:
    key = {"Idempotency-Key": "the-same", "X-Forwarded-For": "203.0.113.8"}
    before, threads = len(queue.prompts), f"limner/threads/{'e' * 32}/messages"

    def send(number: int, prompt: str) -> httpx2.Response:
        url = f"{cluster.replicas[number].url}/{threads}"
        return httpx2.post(url, json={"prompt": prompt}, headers=key, timeout=30)

    first, again, other = send(0, "once"), send(1, "once"), send(1, "another")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert queue.prompts[before:] == ["once"]


def test_killed_at_any_moment_all_settles_is_whole_and_is_paid_once(cluster: Cluster, queue: Queue) -> None:
    chance = random.Random(SEED)
    before = len(queue.prompts)
    threads = [f"{chance.getrandbits(128):032x}" for _ in range(10)]
    accepted: list[str] = []
    kills = sorted(chance.sample(range(20, GENERATIONS), 2))

    def send(n: int) -> None:
        url = f"{chance.choice(cluster.replicas).url}/limner/threads/{chance.choice(threads)}/messages"
        who = {"X-Forwarded-For": f"203.0.113.{n % 5 + 10}"}
        try:
            sent = httpx2.post(url, json={"prompt": f"fox {n}"}, headers=who, timeout=30)
        except httpx2.HTTPError:
            return
        if sent.status_code == 201:
            accepted.append(f"fox {n}")

    for start in range(0, GENERATIONS, 10):
        sending = [threading.Thread(target=send, args=(n,)) for n in range(start, start + 10)]
        for one in sending:
            one.start()
        if due := [kill for kill in kills if start <= kill < start + 10]:
            time.sleep(chance.random() / 5)
            cluster.kill(kills.index(due[0]) % 2)
        for one in sending:
            one.join()
        if due:
            cluster.revive(kills.index(due[0]) % 2)
    until(lambda: not rows(cluster, "SELECT 1 FROM version WHERE owner IS NOT NULL"), "The end of all")

    found = rows(
        cluster, "SELECT version.content, asked FROM version JOIN message ON message.id = version.message"
    )
    made = [(json.loads(content), json.loads(asked)["prompt"]) for content, asked in found]
    ours = [(version, prompt) for version, prompt in made if prompt.startswith("fox ")]
    assert {prompt for _, prompt in ours} >= {*accepted}
    assert len(accepted) > GENERATIONS * 0.8
    paid = Counter(queue.prompts[before:])
    assert max(count for prompt, count in paid.items() if prompt.startswith("fox ")) == 1
    assert {version["status"] for version, _ in ours} <= {"complete", "incomplete"}
    complete = [version for version, _ in ours if version["status"] == "complete"]
    assert len(complete) > GENERATIONS * 0.8
    for version in complete[::10]:
        picture = httpx2.get(f"{cluster.url}/limner/pictures/{version['picture']['name']}/a.png")
        assert identify(picture.content).media_type == "image/png"


def test_what_a_dead_replica_was_asked_is_refused_so_that_no_client_sends_it_again(
    cluster: Cluster, queue: Queue
) -> None:
    """The SDKs send a 502 again, unless `x-should-retry` says that they must not."""
    queue.is_done.clear()
    before, answers = len(queue.prompts), list[httpx2.Response]()

    def ask() -> None:
        who = {"X-Forwarded-For": "203.0.113.9"}
        answers.append(
            httpx2.post(f"{cluster.url}/api/image", json={"prompt": "slow"}, headers=who, timeout=60)
        )

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: len(queue.prompts) > before, "The request")
    for number in (0, 1):
        cluster.kill(number)
    asking.join()
    (answer,) = answers
    assert (answer.status_code, answer.headers["x-should-retry"]) == (502, "false")
    assert answer.json()["error"]["code"] == "interrupted"
    for number in (0, 1):
        cluster.revive(number)
