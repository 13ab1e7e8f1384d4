"""A flood leaves memory within bounds, answers everybody, and keeps out no visitor within the limits."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path

import pytest

from tests.serving import Serving
from tests.ui.http.flood import (
    SIZE,
    Flood,
    ask,
    half_a_message,
    many_addresses,
    message,
    one_address,
    stream,
    visitor,
)
from ui.http.bodies import MAX_EACH, MAX_IN_ALL
from ui.http.request_rate import AT_ONCE, PER_SECOND

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")


def forget_peak(serving: Serving) -> int:
    """Begins to look for the most memory anew, and returns the bytes that the app has now."""
    Path(f"/proc/{serving.pid}/clear_refs").write_text("5")
    return peak(serving)


def peak(serving: Serving) -> int:
    """Returns the most bytes of memory that the app has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{serving.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize(
    ("address", "count", "held"), [(one_address, 400, MAX_EACH), (many_addresses, 600, MAX_IN_ALL)]
)
def test_bodies_without_end_are_held_within_bounds(
    proxied: Serving, address: Callable[[int], str], count: int, held: int
) -> None:
    """Without a bound these are 200 MB, and 300 MB."""
    before = forget_peak(proxied)

    async def come() -> set[str]:
        requests = (half_a_message(address(number)) for number in range(count))
        asking = [asyncio.create_task(ask(proxied.port, request, 60)) for request in requests]
        refused = islice(asyncio.as_completed(asking), count - held // SIZE)
        statuses = {await one for one in refused}
        await visitor(proxied.port)
        for one in asking:
            one.cancel()
        await asyncio.wait(asking)
        return statuses

    assert asyncio.run(come()) <= {"429", "503"}, "all that find no room are answered"
    assert peak(proxied) - before < held * 1.7


@pytest.mark.parametrize("request_of", [message, stream])
def test_everybody_is_answered(proxied: Serving, request_of: object) -> None:
    async def come() -> Counter[str]:
        flood = Flood(proxied.port)
        for address in (one_address, many_addresses):
            await flood.come(request_of, address, 100, stay=request_of is stream)  # pyright: ignore
        return flood.met

    met = asyncio.run(come())
    assert set(met) <= {"200", "400", "429", "503"}
    assert met["200" if request_of is stream else "400"] >= 100, "at least those of the many"


def test_two_thousand_cheap_requests_of_one_visitor(proxied: Serving) -> None:
    connection = HTTPConnection("127.0.0.1", proxied.port, timeout=30)

    def get(path: str, address: str) -> int:
        cookie = f"limner_visitor={secrets.token_hex(16)}"
        connection.request("GET", path, headers={"X-Forwarded-For": address, "Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            assert "try again in" in json.loads(body)["error"]
        return answer.status

    path, begun = "/limner/offer?provider=nobody", time.monotonic()
    met = Counter(get(path, f"2001:db8:7:7::{n:x}") for n in range(2_000))
    assert AT_ONCE <= met[404] <= AT_ONCE + PER_SECOND * (time.monotonic() - begun) + 1
    assert met[404] + met[429] == 2_000
    assert get(path, "2001:db8:7:8::1") == 404, "another network is another visitor"
