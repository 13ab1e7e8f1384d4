"""Fetches a picture that a provider returned as a URL, only from where Limner may fetch."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import Any, TypeAlias, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import anyio
import httpcore
import idna

from core.generation.tunnel import open_tunnel
from core.settings.schema import Settings
from limner import ProviderError, retry_after
from limner.inflate import Inflater
from limner.proxies import proxy_for

DEADLINE = 60.0
"""Seconds for one picture, with all redirects and tries."""
PAUSES = (1.0, 3.0)
"""Seconds before each further try: a link may work a moment later, and a GET costs nothing."""
MAX_PAUSE = 20.0
"""Seconds that a server may ask for with Retry-After."""
MAX_REDIRECTS = 3
CONNECT_TIMEOUT = 5.0
"""Seconds for one of a host's addresses."""

_HEADERS = {
    "Accept": "image/*,*/*;q=0.8",
    "Accept-Encoding": "identity",
    "User-Agent": "Mozilla/5.0 (compatible; Limner)",  # some servers reject any name without Mozilla
}
_TEMPORARY = {403, 404, 408, 425, 429}  # and 500 to 599; some stores say 403 of a file that is not there yet
_INFLATED_HERE = {b"gzip", b"x-gzip", b"deflate"}
_UNREADABLE = {b"br", b"zstd", b"compress", b"x-compress", b"dcb", b"dcz"}
_BROKEN = "The picture's server cannot be reached, or the connection to it failed."
_ALLOW = " The setting fetch_from can allow its origin."
_PORTS = {"http": 80, "https": 443}
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_LINK = re.compile(r"[^\x00-\x20\\\x7f-\x9f]{1,16384}")
_USERINFO = re.compile(r"(?<=//)[^/?#]*@")
_NETLOC = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^@:\[\]]{1,253})(:(?P<port>[0-9]{0,5}))?")
_HOST = re.compile(r"\[.+\]|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_default_tls = cache(httpcore.default_ssl_context)  # takes 40 ms
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
# What `is_global` passes, in some versions of Python or in all; 168.63.129.16 is Azure's own host.
_NOT_PUBLIC_IPV4 = ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4", "168.63.129.16/32")
_NOT_PUBLIC_IPV6 = ("2001::/23", "2002::/16", "3fff::/20")
_NOT_PUBLIC = [ipaddress.ip_network(network) for network in _NOT_PUBLIC_IPV4 + _NOT_PUBLIC_IPV6]

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


async def _look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _TryAgain(ProviderError):
    """A failure that may be over a moment later."""


class Fetcher:
    """Fetches pictures over https from the public internet, and from the origins that are trusted.

    The origin of the provider's `base_url` and those in the setting `fetch_from` are trusted: they may
    use plain http and have any address. A text that is not a web address makes nothing trusted.
    For a visitor's link nothing is trusted, since what the owner trusts may be within the owner's network.
    `deadline`, `pauses`, `resolve` and `tls` are there for tests.
    """

    def __init__(self, settings: Settings, base_url: str | None = None, *, for_visitor: bool = False) -> None:
        self.deadline = DEADLINE
        self.pauses: tuple[float, ...] = PAUSES
        self.resolve: Resolve = _look_up
        self.tls: ssl.SSLContext | None = None
        self._most_bytes = settings.max_bytes
        self._trusted: set[tuple[str, str]] = set()  # scheme, and host with port
        self._advice = "" if for_visitor else _ALLOW
        for url in () if for_visitor else (base_url or "", *settings.fetch_from):
            with suppress(ProviderError):
                self._trusted.add(_web_address(_USERINFO.sub("", url))[:2])

    async def fetch(self, url: str) -> bytes:
        """Returns the bytes at that URL, which may be anything; raises ``ProviderError("bad-image")``.

        The request carries no credential, and the error says nothing of the URL.
        """
        try:
            with anyio.fail_after(self.deadline):
                for pause in self.pauses:
                    try:
                        return await self._follow(_web_address(url))
                    except _TryAgain as error:
                        await asyncio.sleep(max(pause, min(error.retry_after or 0, MAX_PAUSE)))
                return await self._follow(_web_address(url))
        except TimeoutError as error:
            raise _bad(f"The picture could not be fetched within {self.deadline:g} seconds.") from error

    async def _follow(self, url: SplitResult) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            data, location = await self._get(self._with_tls(url))
            if not location:
                return data
            url = _web_address(location, url.geturl())
        raise _bad("The link to the picture leads from one address to the next too often.")

    def _with_tls(self, url: SplitResult) -> SplitResult:
        """Returns the https address of a public server's http one: nearly all have both."""
        is_plain = url.scheme == "http" and url.port is None and url[:2] not in self._trusted
        return url._replace(scheme="https") if is_plain else url

    async def _get(self, url: SplitResult) -> tuple[bytes, str]:
        """Returns the bytes, or the address to which the server redirects."""
        try:
            return await self._request(url)
        except (ProviderError, TimeoutError):
            raise
        except Exception as error:  # whatever a stranger's server brings httpcore, h11 or ssl to raise
            raise _TryAgain("bad-image", why=_BROKEN) from error

    async def _request(self, url: SplitResult) -> tuple[bytes, str]:
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        pinned = _Pinned(await self._addresses(url, host, port), proxy_for(url.geturl()))
        connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(url.scheme.encode(), host.encode(), port),
            ssl_context=(self.tls or _default_tls()) if url.scheme == "https" else None,
            network_backend=pinned,
        )
        path = f"{url.path}?{url.query}" if url.query else url.path
        target = httpcore.URL(scheme=url.scheme, host=host, port=port, target=path)
        try:
            async with connection.stream("GET", target, headers={"Host": url.netloc, **_HEADERS}) as response:
                headers = {name.lower(): value for name, value in response.headers}
                if response.status in (301, 302, 303, 307, 308) and headers.get(b"location"):
                    return b"", _location(headers[b"location"])
                self._check_head(response.status, headers)
                return await self._read(response, _inflater(headers)), ""
        finally:
            await pinned.aclose()

    async def _addresses(self, url: SplitResult, host: str, port: int) -> list[str]:
        """Looks up the host, once; every address must be allowed, since any may be connected to."""
        trusted = url[:2] in self._trusted
        if not trusted and url.scheme != "https":
            raise _bad(f"The link to the picture is not https.{self._advice}")
        addresses = await self.resolve(host, port)
        if not trusted and not all(map(_is_public, addresses)):
            raise _bad(f"The picture is not on the public internet.{self._advice}")
        return addresses

    async def _read(self, response: httpcore.Response, inflater: Inflater | None) -> bytes:
        """Reads the body within the bound; a server may compress it although it was asked not to."""
        data = bytearray()
        async for raw in response.aiter_stream():
            for part in inflater.steps(raw) if inflater else (raw,):
                data += part
                self._check_size(len(data))
                await asyncio.sleep(0)  # one read may hold ten thousand chunks of a byte, or a bomb
        if inflater and not inflater.is_whole:
            raise _TryAgain("bad-image", why=_BROKEN)
        return bytes(data)

    def _check_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        if status in _TEMPORARY or status >= 500:
            wait = retry_after({"retry-after": headers.get(b"retry-after", b"").decode("latin-1")})
            raise _TryAgain("bad-image", why=_sentence(status), retry_after=wait)
        if status != 200:
            raise _bad(_sentence(status))
        self._check_size(int(headers.get(b"content-length", 0)))

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise _bad(f"The picture is larger than {self._most_bytes:,} bytes.")


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were checked, through the proxy if there is one."""

    def __init__(self, addresses: Iterable[str], proxy: str | None) -> None:
        self._addresses, self._proxy = addresses, proxy
        self._network = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        for address in self._addresses:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                if self._proxy:
                    self._stream = await open_tunnel(
                        self._network, self._proxy, address, port, CONNECT_TIMEOUT
                    )
                else:
                    self._stream = await self._network.connect_tcp(address, port, timeout=CONNECT_TIMEOUT)
                return self._stream
        raise httpcore.ConnectError

    async def aclose(self) -> None:
        """Closes the connection, even if httpcore was cancelled in a handshake and left it open."""
        if self._stream is not None:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()


def _is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and leads nowhere else."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    allocated = ip.version == 4 or ip in _GLOBAL_IPV6
    return allocated and ip.is_global and not any(ip in network for network in _NOT_PUBLIC)


def _web_address(link: str, page: str = "") -> SplitResult:
    """Returns the normal form of a link on a page; raises ProviderError for any that is not http(s)."""
    try:
        if not _LINK.fullmatch(link):
            raise ValueError
        url = urlsplit(urljoin(page, link))
        netloc = _NETLOC.fullmatch(url.netloc)
        if netloc is None or url.scheme not in _PORTS:
            raise ValueError
        host, port = netloc["host"].lower(), int(netloc["port"] or _PORTS[url.scheme])
        if host.startswith("["):
            host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
        elif not host.isascii():
            host = idna.encode(host).decode()
        host = host.removesuffix(".")
        if not _HOST.fullmatch(host) or not 0 < port < 65536:
            raise ValueError
        shown = "" if port == _PORTS[url.scheme] else f":{port}"
        path, query = quote(url.path or "/", safe=_PRINTABLE), quote(url.query, safe=_PRINTABLE)
        return SplitResult(url.scheme, host + shown, path, query, "")
    except ValueError:
        raise _bad("The link to the picture is not a web address.") from None


def _location(value: bytes) -> str:
    """Returns the address of a redirect; some servers leave spaces and Latin-1 letters in it."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = quote(value, safe=_PRINTABLE + " ")
    return text.strip().replace(" ", "%20")


def _inflater(headers: dict[bytes, bytes]) -> Inflater | None:
    """Returns what undoes the compression; None for aws-chunked and other labels that name none."""
    labels = {label.strip() for label in headers.get(b"content-encoding", b"").lower().split(b",")}
    if labels & _UNREADABLE:
        raise _bad("The picture's server compressed it in a way that Limner cannot read.")
    return Inflater(may_be_bare=b"deflate" in labels) if labels & _INFLATED_HERE else None


def _sentence(status: int) -> str:
    if status in (404, 410):
        return "The link to the picture has expired."
    if status == 403:
        return "The picture's server does not hand it out (403): the link may have expired."
    return f"The picture's server answered with the status {status}."


def _bad(sentence: str) -> ProviderError:
    return ProviderError("bad-image", why=sentence)
