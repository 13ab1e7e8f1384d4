"""Which proxy leads to an address: one rule for whatever Limner and its providers fetch.

The rule is that of the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, as curl
and httpx read them; NO_PROXY may also name networks, and this machine is never behind a proxy. Libraries
read the same variables by themselves, and some fail on what others accept: `tidy_variables` leaves them
nothing to fail on.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

_SCHEMES = ("http", "https", "socks5", "socks5h")
_HOST = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_LOCAL = ("localhost", "127.0.0.1", "::1")


class _Rule(NamedTuple):
    proxies: Mapping[str, str]
    """A proxy's address by the scheme it is for, or by `all`."""
    names: tuple[str, ...]
    """Hosts that are reached without a proxy, with everything below them."""
    networks: tuple[IPv4Network | IPv6Network, ...]
    direct: bool
    """Nothing is behind a proxy."""


def proxy_for(url: str) -> str | None:
    """Returns the address of the proxy for a URL, such as ``http://proxy:3128``; None if there is none."""
    rule, target = _rule(), urlsplit(url)
    host = (target.hostname or "").lower().rstrip(".")
    if rule.direct or any(host == name or host.endswith(f".{name}") for name in rule.names):
        return None
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        if address.is_loopback or any(address in network for network in rule.networks):
            return None
    return rule.proxies.get(target.scheme) or rule.proxies.get("all")


def tidy_variables(*own_names: str | None) -> None:
    """Makes the proxy variables of this process such that no library fails on them.

    Call it before anything that reads them is imported. What cannot be used is logged and removed;
    `proxy_for` still follows what was there. `own_names` are further names of this machine.
    """
    rule = _rule()
    for name in ("http", "https", "all"):
        _set(f"{name}_proxy", rule.proxies.get(name))
    single = [str(network.network_address) for network in rule.networks if network.num_addresses == 1]
    networks = [str(network) for network in rule.networks if isinstance(network, IPv4Network)]
    direct = dict.fromkeys(filter(None, (*_LOCAL, *own_names, *rule.names, *single, *networks)))
    _set("no_proxy", "*" if rule.direct else ",".join(direct))


@cache
def _rule() -> _Rule:
    proxies: dict[str, str] = {}
    for name in ("http", "https", "all"):
        variable, value = _get(f"{name}_proxy")
        if not value:
            continue
        address = value if "://" in value else f"http://{value}"
        address = re.sub(r"^socks(5)?://", "socks5://", address, flags=re.IGNORECASE)
        if is_proxy_address(address):
            proxies[name] = address
        else:
            log.warning(
                "%s is not the address of a proxy, such as http://proxy:3128; it is ignored", variable
            )
    variable, value = _get("no_proxy")
    names: list[str] = []
    networks: list[IPv4Network | IPv6Network] = []
    for entry in filter(None, re.split(r"[\s,]+", value)):
        plain = re.sub(r"^\w+://", "", entry).lstrip("*").lstrip(".").rstrip(".").lower()
        try:
            networks.append(ip_network(plain.strip("[]"), strict=False))
        except ValueError:
            host = re.sub(r":\d+$", "", plain)
            if _HOST.fullmatch(host):
                names.append(host)
            elif entry != "*":
                log.warning(
                    "%s names %r, which is neither a host nor a network; it is ignored", variable, entry
                )
    direct = "*" in re.split(r"[\s,]+", value)
    return _Rule(proxies, (*names, "localhost"), tuple(networks), direct)


def is_proxy_address(address: str) -> bool:
    """Whether an address, with its scheme, can be that of a proxy."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in _SCHEMES and bool(_HOST.fullmatch(f"[{host}]" if ":" in host else host))


def _get(name: str) -> tuple[str, str]:
    """Returns the variable and its value; the one in small letters counts, as for curl."""
    for variable in (name, name.upper()):
        if value := os.environ.get(variable, "").strip().strip("\"'"):
            return variable, value
    return name, ""


def _set(name: str, value: str | None) -> None:
    os.environ.pop(name.upper(), None)
    os.environ.pop(name, None)
    if value:
        os.environ[name] = os.environ[name.upper()] = value
