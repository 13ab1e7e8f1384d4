"""Who asks, as far as the limits are concerned."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit


def visitor(request: Any, *, behind_proxy: bool) -> str:
    """Gives the address of the one who sent a request (of gradio or Starlette).

    Behind a proxy that is the last address of `X-Forwarded-For`: the one that the proxy itself saw,
    which the visitor cannot choose.
    """
    if behind_proxy:
        forwarded = str(request.headers.get("x-forwarded-for", "")).rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.client.host) if request.client else ""


def is_owner(request: Any, *, behind_proxy: bool) -> bool:
    """Says whether a request comes from the machine itself, and so from whoever runs Limner there."""
    return not behind_proxy and bool(request.client) and ip_address(request.client.host).is_loopback


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Says whether another site's page sent a request.

    Browsers tell it themselves, but not to a plain-http address; there the origin is compared.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
