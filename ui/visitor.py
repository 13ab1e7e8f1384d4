"""Who asks, as far as the limits are concerned."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any


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


def is_foreign(request: Any) -> bool:
    """Says whether another site's page sent the request, as browsers tell it."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
