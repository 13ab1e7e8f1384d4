"""Who asks: one name for each visitor, however the address is written, and never one of their choice."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from core.generation.visitor import Visitor
from core.settings.schema import Settings
from ui.http.visitor import is_owner, visitor


def request(client: str | None, *headers: tuple[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "client": client and (client, 5000), "headers": raw})


def forwarded(*lines: str, client: str = "10.0.0.1") -> str:
    asked = request(client, *(("X-Forwarded-For", line) for line in lines))
    return visitor(asked, behind_proxy=True).name


@pytest.mark.parametrize(
    "spelling",
    [
        "203.0.113.7",
        " 203.0.113.7 ",
        "203.0.113.7:1",
        "203.0.113.7:65535",
        "::ffff:203.0.113.7",
        "::FFFF:CB00:7107",
        "[::ffff:203.0.113.7]:443",
        '"203.0.113.7"',
    ],
)
def test_an_address_has_one_name(spelling: str) -> None:
    assert forwarded(spelling) == "203.0.113.7"


@pytest.mark.parametrize(
    "spelling",
    [
        "2001:db8:1:2::1",
        "2001:DB8:1:2::2",
        "2001:0db8:0001:0002:ffff:ffff:ffff:ffff",
        "[2001:db8:1:2::3]",
        "[2001:db8:1:2::3]:8080",
        "2001:db8:1:2::4%eth0",
    ],
)
def test_an_ipv6_network_is_one_visitor(spelling: str) -> None:
    assert forwarded(spelling) == "2001:db8:1:2::/64"


def test_other_networks_are_others() -> None:
    assert len({forwarded("2001:db8:1:2::1"), forwarded("2001:db8:1:3::1"), forwarded("203.0.113.8")}) == 3


@pytest.mark.parametrize(
    "lines",
    [
        ("1.1.1.1, 203.0.113.7",),
        ("1.1.1.1", "203.0.113.7"),
        ("1.1.1.1, 2.2.2.2", "3.3.3.3,203.0.113.7"),
        ("unknown", "203.0.113.7"),
    ],
)
def test_only_what_the_proxy_itself_saw_counts(lines: tuple[str, ...]) -> None:
    """The last entry over all lines: whatever stands before it, the visitor may have sent."""
    assert forwarded(*lines) == "203.0.113.7"


@pytest.mark.parametrize(
    "line", ["", "unknown", "_hidden", "1.2.3", "01.2.3.4", "a,", "203.0.113.7,", "1.2.3.4:x"]
)
def test_what_is_no_address_is_one_visitor_and_not_many(line: str) -> None:
    assert forwarded(line) == "10.0.0.1"


def test_without_a_proxy_no_header_names_a_visitor() -> None:
    asked = request("203.0.113.7", ("X-Forwarded-For", "1.1.1.1"), ("X-Real-IP", "2.2.2.2"))
    assert visitor(asked, behind_proxy=False) == Visitor("203.0.113.7", is_owner=False)
    assert visitor(request("2001:db8::5"), behind_proxy=False).name == "2001:db8::/64"
    assert visitor(request(None), behind_proxy=False) == Visitor("unknown", is_owner=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_the_owner_comes_from_the_machine_itself(address: str) -> None:
    assert is_owner(request(address), behind_proxy=False)
    assert visitor(request(address), behind_proxy=False).is_owner
    assert not is_owner(request(address), behind_proxy=True)


@pytest.mark.parametrize(
    "address", ["192.168.1.5", "203.0.113.7", "::", "0.0.0.0", "2002:7f00:1::", "testclient", "localhost"]
)
def test_nobody_else_is_the_owner(address: str) -> None:
    assert not is_owner(request(address), behind_proxy=False)


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Forwarded",
        "Via",
        "CF-Connecting-IP",
    ],
)
def test_a_proxy_on_the_machine_makes_nobody_the_owner(header: str) -> None:
    assert not is_owner(request("127.0.0.1", (header, "127.0.0.1")), behind_proxy=False)


def test_a_space_stands_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings().behind_proxy
    monkeypatch.setenv("SPACE_ID", "me/limner")
    assert Settings().behind_proxy
