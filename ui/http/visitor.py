"""Who sends a request: the visitor that limits count, the owner, or another site."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from core.generation.visitor import Visitor
from core.settings.clients import KEY_PREFIX

COOKIE = "limner_visitor"
"""What names a visitor to nobody but this server: whoever has its value sees their conversations."""
_SECRET = re.compile(r"[0-9a-f]{32}")
_400_DAYS = 400 * 86_400
"""Seconds; no browser keeps a cookie for longer."""
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([^:]+):\d+")
_CLIENT_KEY = re.compile(rf"bearer\s+(?P<key>{KEY_PREFIX}.*)", re.IGNORECASE | re.DOTALL)
_BROUGHT = re.compile(rf"(?<![\w-]){KEY_PREFIX}", re.IGNORECASE)
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization")
_FORWARDING = re.compile(r"x-forwarded-.+|x-real-ip|forwarded|via|cf-connecting-ip|true-client-ip")


def visitor(request: Request, *, behind_proxy: bool) -> Visitor:
    """Returns who sent a request, named by their network.

    The key is of the cookie; there is none before the browser has sent it back, nor if it keeps no cookies.
    Another site's page, in whoever's browser, is a stranger, also on the owner's own machine.
    """
    secret = _secret(request)
    is_foreigner = is_foreign(request.headers, behind_proxy=behind_proxy)
    return Visitor(
        network(request, behind_proxy=behind_proxy),
        is_owner=is_owner(request, behind_proxy=behind_proxy) and not is_foreigner,
        key=hashlib.sha256(secret.encode()).hexdigest() if secret else None,
    )


def network(request: Request, *, behind_proxy: bool) -> str:
    """Returns where a request comes from: the IPv4 address, or the /64 network of an IPv6 one.

    Behind a proxy that is the last address over all lines of `X-Forwarded-For`: the one that the proxy
    itself saw, which the visitor cannot choose. What is no address counts as the proxy's own.
    """
    forwarded = _last_forwarded(request.headers) if behind_proxy else None
    address = forwarded or _peer(request)
    if isinstance(address, IPv6Address):
        address = ip_network((address, 64), strict=False)
    return str(address or "unknown")


def has_cookie(request: Request) -> bool:
    """Whether a visitor has their cookie already."""
    return _secret(request) is not None


def cookie_header(request: Request, *, behind_proxy: bool) -> str:
    """Returns the header that gives a visitor their cookie, or lets them keep theirs for longer."""
    secret = _secret(request) or secrets.token_hex(16)
    partitioned = "; Partitioned" if "SPACE_ID" in os.environ else ""
    same_site = same_site_attributes(request, behind_proxy=behind_proxy)
    return f"{COOKIE}={secret}; HttpOnly; Path=/; Max-Age={_400_DAYS}; {same_site}{partitioned}"


def same_site_attributes(request: Request, *, behind_proxy: bool) -> str:
    """Returns the attributes of a cookie that say which sites' pages send it."""
    if "SPACE_ID" in os.environ:  # the page is in a frame of the Hub's
        return "SameSite=None; Secure"
    return "SameSite=Lax; Secure" if is_https(request, behind_proxy=behind_proxy) else "SameSite=Lax"


def only_ours(cookie: str, request: Request, *, behind_proxy: bool) -> str:
    """Returns the name under which a cookie can be set by this very server alone, and by no neighbour.

    Without TLS browsers know no such name.
    """
    return f"__Host-{cookie}" if is_https(request, behind_proxy=behind_proxy) else cookie


def is_https(request: Request, *, behind_proxy: bool) -> bool:
    """Whether the browser reaches this server through TLS, as the last proxy says."""
    forwarded = request.headers.get("x-forwarded-proto", "") if behind_proxy else ""
    return "https" in (request.url.scheme, forwarded.rpartition(",")[2].strip())


def is_owner(request: Request, *, behind_proxy: bool) -> bool:
    """Whether a request comes from the machine itself, through no proxy: from whoever runs Limner there.

    What brings the key of a client comes from that client, wherever it runs.
    """
    if client_key(request) is not None:
        return False
    peer = _peer(request)
    is_direct = not behind_proxy and not any(map(_FORWARDING.fullmatch, request.headers))
    return is_direct and peer is not None and peer.is_loopback


def client_key(request: Request) -> str | None:
    """Returns the key of a client that a request brings, which may be wrong; None if it brings none.

    One that is brought in another way is wrong: else whoever sends it on the owner's machine were the owner.
    """
    said = [value.strip() for name in _KEY_HEADERS for value in request.headers.getlist(name)]
    brought = list(filter(_BROUGHT.search, said))
    if not brought:
        return None
    named = _CLIENT_KEY.fullmatch(request.headers.get("authorization", "").strip())
    is_one = named is not None and all(value in (brought[0], named["key"]) for value in brought)
    return named["key"] if named and is_one else "more than one key, or not as a Bearer token"


def is_foreign(headers: Mapping[str, str], *, behind_proxy: bool, public_url: str | None = None) -> bool:
    """Whether another site's page sent a request.

    Browsers say so themselves, but not to a plain-http address; there the origin is compared. A proxy may
    have replaced the host, as nginx does by default, and not say which it was: then JSON, or the bytes of a
    file, are a sign of this page, since another site's browser first asks whether it may send that.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None or origin.rpartition("://")[2] in _own_hosts(headers, behind_proxy, public_url):
        return False
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return not (behind_proxy and media_type in ("application/json", "application/octet-stream"))


def _own_hosts(headers: Mapping[str, str], behind_proxy: bool, public_url: str | None) -> list[str]:
    """Returns what this server is called, by the request, by the proxy and by the settings."""
    forwarded = headers.get("x-forwarded-host", "") if behind_proxy else ""
    named = [headers.get("host", ""), *forwarded.split(","), urlsplit(public_url or "").netloc]
    return [name.strip() for name in named if name.strip()]


def _secret(request: Request) -> str | None:
    secret = request.cookies.get(COOKIE, "")
    return secret if _SECRET.fullmatch(secret) else None


def _last_forwarded(headers: Headers) -> IPv4Address | IPv6Address | None:
    return _read_address(",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2])


def _peer(request: Request) -> IPv4Address | IPv6Address | None:
    return _read_address(request.client.host) if request.client else None


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Reads an address in any of its spellings: with a port, in brackets, with a zone, IPv4 within IPv6."""
    text = text.strip().strip('"')
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port[1] or with_port[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address
