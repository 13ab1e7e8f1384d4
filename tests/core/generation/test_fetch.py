"""What may be fetched, from where, and how it fails: against a real server, without a network."""

from __future__ import annotations

import asyncio
import datetime
import math
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import httpcore
import pytest

from core.generation.fetch import PAUSES, Fetcher
from core.settings.schema import Settings
from limner import ProviderError
from limner.testing.loopback import Loopback, Reply, Request

pytestmark = pytest.mark.filterwarnings("error")  # a connection left open is a ResourceWarning

PUBLIC = "93.184.215.14"
SECRET = "x-signature=5ecret"
CHUNKED = {"Transfer-Encoding": "chunked"}


@cache
def settings_of(**settings: Any) -> Settings:
    """Reads the settings once, most of a test's time."""
    return Settings(**settings)


def make(
    *, base_url: str | None = None, answers: dict[str, list[str]] | None = None, **settings: Any
) -> Fetcher:
    """A fetcher that asks no name server: a host has the given addresses, and is its own otherwise."""
    hashable = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    fetcher = Fetcher(settings_of(**hashable), base_url)

    async def resolve(host: str, port: int) -> list[str]:
        return (answers or {}).get(host, [host])

    fetcher.resolve, fetcher.deadline, fetcher.pauses = resolve, 30, ()
    return fetcher


def fetch(fetcher: Fetcher, url: str) -> bytes:
    return asyncio.run(fetcher.fetch(url))


def refusal(fetcher: Fetcher, url: str) -> str:
    """The sentence with which a fetch fails, which never quotes the URL."""
    with pytest.raises(ProviderError) as caught:
        fetch(fetcher, url)
    assert caught.value.category == "bad-image"
    assert caught.value.did_not_run is False
    sentence = caught.value.why or ""
    assert sentence.endswith(".")
    for part in (SECRET, "://", "127.0.0.1", "example"):
        assert part not in sentence
    return sentence


class Wire:
    """What is connected to; nothing answers, or the given server, whatever the address and port."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.server: Loopback | None = None


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    connect: Any = vars(httpcore.AnyIOBackend)["connect_tcp"]

    async def connect_tcp(self: object, host: str, port: int, **more: object) -> httpcore.AsyncNetworkStream:
        wire.addresses.append(host)
        if wire.server is None:
            raise httpcore.ConnectError
        return await connect(self, "127.0.0.1", int(wire.server.url.rpartition(":")[2]), **more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return wire


# Where from


def test_the_origin_of_the_base_url_is_trusted() -> None:
    with Loopback({"/a.png?x=1": Reply(body=b"picture")}) as server:
        assert fetch(make(base_url=f"{server.url}/v1"), f"{server.url}/a.png?x=1#top") == b"picture"


def test_the_origins_in_fetch_from_are_trusted() -> None:
    with Loopback({"/a.png": Reply(body=b"picture")}) as server:
        assert (
            fetch(make(fetch_from=("https://other.example", server.url)), f"{server.url}/a.png") == b"picture"
        )


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("HTTP://LocalAI:80/v1", "http://localai/a"),
        ("http://localai", "http://localai.:80/a"),
        ("http://localai:/", "HTTP://LOCALAI/a"),
        ("https://localai/v1?key=1#x", "https://localai:443/a"),
        ("https://localai:0443", "https://localai/a"),
        ("http://user:pass@localai:8080/v1", "http://localai:8080/a"),
        ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080/a"),
        ("http://bücher.example", "http://xn--bcher-kva.example/a"),
        ("http://B\xdcCHER\u3002example", "http://bücher.example/a"),
        ("http://local_ai:8080", "http://local_ai:8080/a"),
    ],
)
def test_an_origin_has_one_normal_form(base_url: str, url: str, wire: Wire) -> None:
    names = ("localai", "::1", "xn--bcher-kva.example", "local_ai")
    fetcher = make(base_url=base_url, answers={name: ["127.0.0.1"] for name in names})
    assert "cannot be reached" in refusal(fetcher, url)
    assert wire.addresses == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        "https://localai:8080/a",
        "http://localai/a",
        "http://localai:8081/a",
        "http://my.localai:8080/a",
        "http://localai.example:8080/a",
        "http://127.0.0.1:8080/a",
    ],
)
@pytest.mark.parametrize("base_url", ["http://localai:8080/v1", "localai:8080/v1", "", None])
def test_nothing_but_that_origin_is_trusted(base_url: str | None, url: str, wire: Wire) -> None:
    fetcher = make(base_url=base_url, answers={"localai": ["10.0.0.5"]})
    assert "The setting fetch_from can allow its origin." in refusal(fetcher, url)
    assert wire.addresses == []


def test_the_public_internet_is_fetched_from_over_https_only(wire: Wire) -> None:
    fetcher = make(answers={"pictures.example": [PUBLIC]})
    assert "not https" in refusal(fetcher, f"http://pictures.example:8080/a?{SECRET}")
    assert wire.addresses == []
    assert "cannot be reached" in refusal(fetcher, f"https://pictures.example:8443/a?{SECRET}")
    assert wire.addresses == [PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192"),
        *("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("::ffff:100.64.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"),
        *("100::1", "2001::1", "2001:0:4136:e378::1", "2001:2::1", "2001:20::1", "2001:db8::1"),
        *("2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "4000::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%2", "fec0::1", "ff02::1", "ff0e::1", "not an address"),
    ],
)
def test_no_name_leads_to_an_address_that_is_not_public(address: str, wire: Wire) -> None:
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        refusal(make(answers={"pictures.example": addresses}), "https://pictures.example/a")
    assert wire.addresses == []


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1"),
        *("198.17.0.1", "223.255.255.255", "2003::1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"),
    ],
)
def test_public_addresses_are_connected_to(address: str, wire: Wire) -> None:
    refusal(make(answers={"pictures.example": [address]}), "https://pictures.example/a")
    assert wire.addresses == [address]


def test_every_address_of_a_host_gets_its_try(wire: Wire) -> None:
    refusal(make(answers={"pictures.example": ["1.1.1.1", "2606:4700::1111"]}), "https://pictures.example/")
    assert wire.addresses == ["1.1.1.1", "2606:4700::1111"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001", "0x7f.1", "127.1", "0"),
        *(
            "localhost",
            "LOCALHOST.",
            "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
            "127\u30020\u30020\u30021",
            "[::1]",
            "[::]",
        ),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "127.0.0.1:443"),
    ],
)
def test_this_machine_under_any_name_is_refused(host: str, wire: Wire) -> None:
    fetcher = Fetcher(Settings())  # with the real look-up, which needs no network for these
    refusal(fetcher, f"https://{host}/a")
    assert wire.addresses == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.png", "/a.png", "//x.example/a", "https:", "https://", "https:///a", "https:a"),
        *("https://:443/", "ftp://x.example/a", "file:///etc/passwd", "data:image/png;base64,AAAA"),
        *("javascript:alert(1)", "https://user@x.example/", "https://user:pass@x.example/"),
        *("https://@x.example/", "https://x.example\\@127.0.0.1/", "https://x.example/a\\b"),
        *("https:\\\\x.example/", "https://x.example/a b", " https://x.example/", "https://x .example/"),
        *("https://x.example/\r\nX: y", "https://x.example/\t", "ht\ntps://x.example/"),
        *("https://x.example/\x00", "https://x.example\x7f/", "https://x.example/\x85"),
        *("https://x.example:0/", "https://x.example:65536/", "https://x.example:-1/"),
        *("https://x.example:\uff14\uff14\uff13/", "https://x.example:4 3/", "https://x.example:a/"),
        *("https://[::1/", "https://::1/", "https://[::1]x/", "https://x[::1]/"),
        *("https://[fe80::1%25eth0]/", "https://[v1.x]/", "https://[]/", "https://[1]/"),
        *("https://%31%32%37.0.0.1/", "https://a%00b/", "https://x..example/", "https://.example/"),
        *("https://./", "https://exa*mple/", "https://℀/", f"https://{'a' * 64}.example/"),
        *(f"https://{'a.' * 200}example/", f"https://{'é' * 100}.example/", "https://x.example/\ud800"),
        *("https://\ud800/", f"https://x.example/{'a' * 20_000}"),
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str, wire: Wire) -> None:
    fetcher = make(answers={"x.example": [PUBLIC]})
    assert refusal(fetcher, url) == "The link to the picture is not a web address."
    assert wire.addresses == []


@pytest.mark.parametrize("error", [socket.gaierror("nowhere"), UnicodeError("label"), RuntimeError()])
def test_a_failed_look_up_is_a_failure_of_the_picture(error: Exception) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise error

    fetcher = Fetcher(settings_of())
    fetcher.resolve, fetcher.pauses = resolve, (0.0, 0.0)
    assert "cannot be reached" in refusal(fetcher, "https://pictures.example/")


def test_a_host_without_addresses_is_a_failure_of_the_picture() -> None:
    assert "cannot be reached" in refusal(make(answers={"pictures.example": []}), "https://pictures.example/")


def test_a_closed_port_is_a_failure_of_the_picture() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert "cannot be reached" in refusal(make(base_url=url), f"{url}/a")


# TLS


class Authority:
    """Signs certificates for one test."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("cryptography")
        self.folder = folder

    def contexts(self, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """The server's and the client's side of a self-signed certificate for that name."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cafile=file)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_host_is_looked_up_once_and_its_address_pinned(authority: Authority, wire: Wire) -> None:
    served, trusting = authority.contexts("pictures.example")
    lookups: list[str] = []

    async def rebind(host: str, port: int) -> list[str]:
        lookups.append(host)
        return [PUBLIC] if len(lookups) == 1 else ["127.0.0.1"]

    with Loopback({"/a": Reply(body=b"picture")}, tls=served) as server:
        wire.server = server
        fetcher = Fetcher(settings_of())
        fetcher.resolve, fetcher.tls = rebind, trusting
        assert fetch(fetcher, "https://pictures.example/a") == b"picture"
    assert lookups == ["pictures.example"]
    assert wire.addresses == [PUBLIC]


def test_a_redirect_is_looked_up_anew(authority: Authority, wire: Wire) -> None:
    served, trusting = authority.contexts("pictures.example")
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebind(host: str, port: int) -> list[str]:
        return next(answers)

    with Loopback(redirect_to("/b"), tls=served) as server:
        wire.server = server
        fetcher = Fetcher(settings_of())
        fetcher.resolve, fetcher.tls = rebind, trusting
        assert "not on the public internet" in refusal(fetcher, "https://pictures.example/a")
    assert wire.addresses == [PUBLIC]


@pytest.mark.parametrize("known", [True, False])
def test_the_certificate_is_known_and_names_the_host(authority: Authority, known: bool) -> None:
    served, trusting = authority.contexts("pictures.example")
    with Loopback({"/a": Reply(body=b"picture")}, tls=served) as server:
        urls = [server.url.replace("127.0.0.1", host) for host in ("pictures.example", "other.example")]
        fetcher = make(
            fetch_from=tuple(urls),
            answers={"pictures.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]},
        )
        fetcher.tls = trusting if known else None
        if known:
            assert fetch(fetcher, f"{urls[0]}/a") == b"picture"
            assert "cannot be reached" in refusal(fetcher, f"{urls[1]}/a")
        else:
            assert "cannot be reached" in refusal(fetcher, f"{urls[0]}/a")
        assert len(server.requests) == known


# What is sent


def test_the_request_carries_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    replies = {
        "/a": Reply(302, headers={"Location": "/b", "Set-Cookie": "session=1"}),
        "/b": Reply(body=b"picture"),
    }
    with Loopback(replies) as server:
        base_url = server.url.replace("//", "//user:pass@")
        assert fetch(make(base_url=base_url), f"{server.url}/a") == b"picture"
    for request in server.requests:
        assert request.method == "GET"
        assert request.headers == {
            "host": server.url.removeprefix("http://"),
            "accept": "image/*,*/*;q=0.8",
            "accept-encoding": "identity",
            "user-agent": "Mozilla/5.0 (compatible; Limner)",
        }


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/a//b/../c?x=%2F&y=a+b;z&sig=a%2Bb==", "/a//b/../c?x=%2F&y=a+b;z&sig=a%2Bb=="),
        ("/caf\u00e9?q=\u00e9", "/caf%C3%A9?q=%C3%A9"),
        ('/a"<b>^`{|}?"#c', '/a"<b>^`{|}?"'),
    ],
)
def test_a_signed_link_arrives_as_it_is(sent: str, arrives: str) -> None:
    with Loopback({arrives: Reply(body=b"picture")}) as server:
        assert fetch(make(base_url=server.url), server.url + sent) == b"picture"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localai:80", "localai"),
        ("http://localai:8080", "localai:8080"),
        ("http://[0::1]:8080", "[::1]:8080"),
        ("http://BÜCHER.example.", "xn--bcher-kva.example"),
    ],
)
def test_the_server_is_told_its_name(origin: str, host: str, wire: Wire) -> None:
    replies = {"/a": Reply(302, headers={"Location": "b"}), "/b": Reply(body=b"picture")}
    with Loopback(replies) as wire.server:
        assert fetch(make(base_url=origin), f"{origin}/a") == b"picture"
        assert [request.headers["host"] for request in wire.server.requests] == [host, host]


# Redirects


def test_a_redirect_may_hold_a_space_and_latin_1() -> None:
    replies = {
        "/a": Reply(302, headers={"Location": "/red fox/caf\u00e9"}),
        "/red%20fox/caf%E9": Reply(body=b"picture"),
    }
    with Loopback(replies) as server:
        assert fetch(make(base_url=server.url), f"{server.url}/a") == b"picture"


def redirect_to(location: str) -> dict[str, Reply]:
    return {"/a": Reply(302, headers={"Location": location})}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/b", "b", "{url}/b", "//{host}/b", "?x", "b#top"])
def test_a_redirect_within_the_origin_is_followed(status: int, location: str) -> None:
    def answer(request: Any) -> Reply:
        if request.path == "/a":
            where = location.format(url=server.url, host=server.url.removeprefix("http://"))
            return Reply(status, body="moved", headers={"Location": where})
        return Reply(body=request.path)

    with Loopback(answer) as server:
        assert fetch(make(base_url=server.url), f"{server.url}/a") in (b"/b", b"/a?x")
        assert len(server.requests) == 2


def test_a_redirect_to_another_trusted_origin_is_followed() -> None:
    with Loopback({"/b": Reply(body=b"picture")}) as other, Loopback(redirect_to(f"{other.url}/b")) as server:
        assert fetch(make(base_url=server.url, fetch_from=[other.url]), f"{server.url}/a") == b"picture"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_redirect_to_an_origin_that_is_not_trusted_is_refused(scheme: str) -> None:
    with Loopback({}) as inside, Loopback(redirect_to(inside.url.replace("http:", f"{scheme}:"))) as server:
        assert "fetch_from" in refusal(make(base_url=server.url), f"{server.url}/a")
        assert len(server.requests) == 1
        assert inside.requests == []


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "gopher://127.0.0.1/", "https://user:pass@pictures.example/", "https://[::1"),
        *("/\\b", f"/{'a' * 20_000}", "https://pictures.example:99999/"),
    ],
)
def test_a_redirect_to_what_is_no_web_address_is_refused(location: str) -> None:
    with Loopback(redirect_to(location)) as server:
        refusal(make(base_url=server.url), f"{server.url}/a")
        assert len(server.requests) == 1


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    replies = {f"/{n}": Reply(302, headers={"Location": f"/{n + 1}"}) for n in range(4)} | {
        "/4": Reply(body=b"picture")
    }
    with Loopback(replies) as server:
        assert fetch(make(base_url=server.url), f"{server.url}/1") == b"picture"
        assert len(server.requests) == 4
        assert "too often" in refusal(make(base_url=server.url), f"{server.url}/0")
        assert len(server.requests) == 8


# Answers


@pytest.mark.parametrize("status", [404, 410])
def test_a_link_that_is_gone_has_expired(status: int) -> None:
    with Loopback(lambda _: Reply(status, body=b"<Error>")) as server:
        assert (
            refusal(make(base_url=server.url), f"{server.url}/a?{SECRET}")
            == "The link to the picture has expired."
        )


@pytest.mark.parametrize("status", [201, 204, 206, 300, 302, 304, 401, 407, 408, 425, 429, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    with Loopback({"/a": Reply(status, headers={"Location": ""})}) as server:
        assert f"the status {status}." in refusal(make(base_url=server.url), f"{server.url}/a")


def test_a_link_that_is_refused_may_have_expired() -> None:
    with Loopback(lambda _: Reply(403, body=b"<Error>")) as server:
        assert "may have expired" in refusal(make(base_url=server.url), f"{server.url}/a?{SECRET}")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "miss",
    [
        *(Reply(status) for status in (404, 408, 425, 429, 500, 502, 503, 504, 520, 599)),
        Reply(body=b"x" * 1000, cut_after=10),
        Reply(chunks=[b"not a chunk\r\n"], headers=CHUNKED),
    ],
)
@pytest.mark.parametrize("misses", [1, 2, 3])
def test_a_picture_that_is_there_a_moment_later_is_fetched(miss: Reply, misses: int) -> None:
    with Loopback(lambda _: miss if len(server.requests) <= misses else Reply(body=b"picture")) as server:
        fetcher = make(base_url=server.url)
        fetcher.pauses = (0.0, 0.0)
        if misses < 3:
            assert fetch(fetcher, f"{server.url}/a") == b"picture"
        else:
            refusal(fetcher, f"{server.url}/a")
        assert len(server.requests) == min(misses + 1, 3)


def test_a_redirect_to_a_broken_server_starts_again_from_the_link() -> None:
    def answer(request: Request) -> Reply:
        picture = Reply(500 if len(server.requests) < 3 else 200, body=b"picture")
        return Reply(302, headers={"Location": "/b"}) if request.path == "/a" else picture

    with Loopback(answer) as server:
        fetcher = make(base_url=server.url)
        fetcher.pauses = (0.0,)
        assert fetch(fetcher, f"{server.url}/a") == b"picture"
        assert [request.path for request in server.requests] == ["/a", "/b"] * 2


def test_tries_wait_longer_each_time_and_as_long_as_the_server_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    fetcher = make()
    fetcher.pauses = PAUSES
    for wait in ("", "2", "600", "9" * 400, "soon"):

        async def follow(_: object, wait: str = wait) -> None:
            fetcher._check_head(503, {b"retry-after": wait.encode()})

        monkeypatch.setattr(fetcher, "_follow", follow)
        with pytest.raises(ProviderError):
            fetch(fetcher, "https://pictures.example/a")
    assert waits == [1, 3, 2, 3, 20, 20, 1, 3, 1, 3]


def test_a_public_link_without_tls_is_fetched_with_it(wire: Wire) -> None:
    fetcher = make(answers={"pictures.example": [PUBLIC]})
    assert "cannot be reached" in refusal(fetcher, f"http://pictures.example/a?{SECRET}")
    assert wire.addresses == [PUBLIC]
    internal = make(answers={"intranet": ["10.0.0.5"]})
    assert "not on the public internet" in refusal(internal, "http://intranet/a")
    assert wire.addresses == [PUBLIC]


def chunk(size: int) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b"x" * size)


def test_a_file_of_just_the_most_bytes_is_taken() -> None:
    replies = {
        "/whole": Reply(body=b"x" * 1000),
        "/parts": Reply(chunks=[chunk(500), chunk(500), b"0\r\n\r\n"], headers=CHUNKED),
    }
    with Loopback(replies) as server:
        for path in replies:
            assert len(fetch(make(base_url=server.url, max_bytes=1000), server.url + path)) == 1000


@pytest.mark.parametrize("length", ["1001", "0000000000001001", "9" * 20, "9" * 30])
def test_a_file_said_to_be_too_large_is_refused_before_it_comes(length: str) -> None:
    with Loopback({"/a": Reply(chunks=[60.0], headers={"Content-Length": length})}) as server:
        sentence = refusal(make(base_url=server.url, max_bytes=1000), f"{server.url}/a")
        assert "larger than 1,000 bytes" in sentence or len(length) > 20
        server.wait_until(lambda server: server.disconnects, 30)


def test_a_file_that_grows_too_large_is_refused_on_the_way() -> None:
    with Loopback({"/a": Reply(chunks=[chunk(600), chunk(401), 60.0], headers=CHUNKED)}) as server:
        assert "larger than 1,000 bytes" in refusal(
            make(base_url=server.url, max_bytes=1000), f"{server.url}/a"
        )
        server.wait_until(lambda server: server.disconnects, 30)


@pytest.mark.parametrize(
    ("encoding", "wbits"),
    [("gzip", 31), ("GZip", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15)],
)
def test_a_compressed_file_is_taken_within_the_bound(encoding: str, wbits: int) -> None:
    compress = zlib.compressobj(wbits=wbits)
    body = compress.compress(b"x" * 5_000_000) + compress.flush()
    with Loopback({"/a": Reply(body=body, headers={"Content-Encoding": encoding})}) as server:
        assert fetch(make(base_url=server.url), f"{server.url}/a") == b"x" * 5_000_000
        assert "larger than 4,999,999 bytes" in refusal(
            make(base_url=server.url, max_bytes=4_999_999), f"{server.url}/a"
        )


def test_a_bomb_is_never_held_whole() -> None:
    compress = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compress.compress(bytes(1_000_000)) for _ in range(300)) + compress.flush()
    with Loopback({"/a": Reply(body=bomb, headers={"Content-Encoding": "gzip"})}) as server:
        tracemalloc.start()
        try:
            assert "larger than" in refusal(make(base_url=server.url, max_bytes=5_000_000), f"{server.url}/a")
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


def test_a_compressed_file_that_was_cut_is_fetched_again() -> None:
    compress = zlib.compressobj(wbits=31)
    body = compress.compress(b"picture" * 1000) + compress.flush()
    headers = {"Content-Encoding": "gzip"}
    cut, whole = Reply(body=body[:-20], headers=headers), Reply(body=body, headers=headers)
    replies = iter([cut, whole])
    with Loopback(lambda _: next(replies)) as server:
        fetcher = make(base_url=server.url)
        fetcher.pauses = (0.0,)
        assert fetch(fetcher, f"{server.url}/a") == b"picture" * 1000


@pytest.mark.parametrize("encoding", ["br", "gzip, br", "zstd"])
def test_a_file_compressed_in_another_way_is_refused_before_it_comes(encoding: str) -> None:
    with Loopback({"/a": Reply(chunks=[60.0], headers={"Content-Encoding": encoding})}) as server:
        assert "compressed" in refusal(make(base_url=server.url), f"{server.url}/a")


@pytest.mark.parametrize("encoding", ["Identity", "aws-chunked", "utf-8", "none", ""])
def test_a_file_that_is_not_compressed_is_taken(encoding: str) -> None:
    with Loopback({"/a": Reply(body=b"picture", headers={"Content-Encoding": encoding})}) as server:
        assert fetch(make(base_url=server.url), f"{server.url}/a") == b"picture"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 1000, cut_after=10),
        Reply(body=b"x" * 1000, cut_after=0),
        Reply(chunks=[chunk(100), chunk(100)], headers=CHUNKED, cut_after=50),
        Reply(chunks=[b"not a chunk\r\n", 60.0], headers=CHUNKED),
        Reply(headers={"X-Long": "x" * 200_000}),
        Reply(headers={"Transfer-Encoding": "gzip"}),
        Reply(headers={"Content-Length": "-1"}),
    ],
)
def test_a_connection_that_fails_is_a_failure_of_the_picture(reply: Reply) -> None:
    with Loopback({"/a": reply}) as server:
        assert "connection" in refusal(make(base_url=server.url), f"{server.url}/a")


# Time


@pytest.fixture
def scopes(monkeypatch: pytest.MonkeyPatch) -> list[anyio.CancelScope]:
    """Returns the deadlines that are set, that of the whole fetch first."""
    scopes: list[anyio.CancelScope] = []
    real = anyio.fail_after

    @contextmanager
    def fail_after(seconds: float | None) -> Iterator[None]:
        with real(seconds) as scope:
            scopes.append(scope)
            yield

    monkeypatch.setattr(anyio, "fail_after", fail_after)
    return scopes


def test_the_deadline_holds_for_the_whole_of_a_slow_file(scopes: list[anyio.CancelScope]) -> None:
    async def run_out_of_time() -> None:
        fetching = asyncio.create_task(make(base_url=server.url).fetch(f"{server.url}/a"))
        await asyncio.to_thread(server.wait_until, lambda server: server.requests, 30)
        scopes[0].deadline = -math.inf
        with pytest.raises(ProviderError) as caught:
            await fetching
        assert caught.value.why == "The picture could not be fetched within 30 seconds."
        await asyncio.to_thread(server.wait_until, lambda server: server.disconnects, 30)

    with Loopback({"/a": Reply(chunks=[b"x", 0.01] * 1000)}) as server:
        asyncio.run(run_out_of_time())


def test_the_deadline_holds_for_all_redirects_together() -> None:
    replies = {f"/{n}": Reply(302, headers={"Location": f"/{n + 1}"}, delay=0.08) for n in range(3)}
    with Loopback(replies | {"/3": Reply(body=b"picture")}) as server:
        fetcher = make(base_url=server.url)
        fetcher.deadline = 0.15
        assert "within 0.15 seconds" in refusal(fetcher, f"{server.url}/0")


def test_the_deadline_holds_for_the_look_up() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    fetcher = Fetcher(settings_of())
    fetcher.resolve, fetcher.deadline = resolve, 0.05
    assert "within 0.05 seconds" in refusal(fetcher, "https://pictures.example/")


@pytest.mark.parametrize("reply", [Reply(delay=60), Reply(chunks=[b"x" * 100, 60.0, b"x"])])
def test_a_cancelled_fetch_closes_its_connection(reply: Reply) -> None:
    async def cancel() -> None:
        fetching = asyncio.create_task(make(base_url=server.url).fetch(f"{server.url}/a"))
        await asyncio.to_thread(server.wait_until, lambda server: server.requests, 30)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await asyncio.to_thread(server.wait_until, lambda server: server.disconnects, 30)

    with Loopback({"/a": reply}) as server:
        asyncio.run(cancel())


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_a_handshake_that_never_ends_leaves_no_connection(how: str, scopes: list[anyio.CancelScope]) -> None:
    async def stall(listener: socket.socket) -> None:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        fetcher = make(base_url=url)
        fetching = asyncio.create_task(fetcher.fetch(url))
        connection, _ = await asyncio.to_thread(listener.accept)
        with connection:
            connection.settimeout(30)
            assert await asyncio.to_thread(connection.recv, 65536)
            if how == "cancel":
                fetching.cancel()
            else:
                scopes[0].deadline = -math.inf
            with pytest.raises(asyncio.CancelledError if how == "cancel" else ProviderError):
                await fetching
            assert await asyncio.to_thread(connection.recv, 65536) == b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(stall(listener))


def test_many_are_fetched_at_once() -> None:
    async def all_of_them() -> list[bytes]:
        fetcher = make(base_url=server.url)
        return await asyncio.gather(*(fetcher.fetch(f"{server.url}/a") for _ in range(100)))

    with Loopback({"/a": Reply(body=b"picture", delay=0.1)}) as server:
        assert asyncio.run(all_of_them()) == [b"picture"] * 100
        assert server.disconnects == 0


def test_a_file_in_tiny_chunks_leaves_the_loop_to_others() -> None:
    async def count_turns() -> int:
        turns, fetching = 0, asyncio.create_task(make(base_url=server.url).fetch(f"{server.url}/a"))
        while not fetching.done():
            await asyncio.sleep(0)
            turns += 1
        assert len(await fetching) == 10_000
        return turns

    with Loopback({"/a": Reply(chunks=[chunk(1) * 10_000 + b"0\r\n\r\n"], headers=CHUNKED)}) as server:
        assert asyncio.run(count_turns()) > 10_000
