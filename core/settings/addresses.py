"""What the settings say of addresses: of servers, of this one, and of pages elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import SecretStr

_URL = re.compile(r"https?://[^\s/\"'<>]+(/[^\s\"'<>]*)?")
_ORIGIN = re.compile(r"https?://([a-z0-9_.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")


def check_web_address(value: str) -> str:
    """Returns an address as it is; raises ValueError, whose text says what it must be."""
    if not _URL.fullmatch(value):
        raise ValueError("an address that begins with http:// or https://")
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that hold no address of IPv6, or a port that is none
        has_host = False
    if not has_host:
        raise ValueError("an address with a host, and a port from 1 to 65535 if it names one")
    return value


def check_web_addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns addresses as they are; raises ValueError as `check_web_address` does."""
    return tuple(map(check_web_address, value))


def check_public_url(value: str | None) -> str | None:
    """Returns the address of this server, or None for an empty one; raises ValueError."""
    if value and not re.fullmatch(r"https://[^\s/?#][^\s?#]*", value):
        raise ValueError("an address that begins with https://, without ? and #")
    return value or None


def check_hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns names of this server in small letters; raises ValueError."""
    for name in value:
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name):
            raise ValueError("names such as pictures.example, without https:// and port")
    return tuple(name.lower() for name in value)


def check_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns origins of pages as a browser sends them; raises ValueError."""
    lower = [origin.lower() for origin in value]
    for origin in lower:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError("origins such as https://app.example, without a path, or * for every site")
    return tuple(re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", origin) for origin in lower)


def check_database(value: SecretStr) -> SecretStr:
    """Returns the address of a PostgreSQL database as it is; raises ValueError."""
    return _checked(value, ("postgresql", "postgres"), "postgresql://db.example/limner")


def check_limits(value: SecretStr) -> SecretStr:
    """Returns the address of a Redis server as it is; raises ValueError."""
    return _checked(value, ("redis", "rediss", "unix"), "redis://cache.example:6379/0")


def check_pictures(value: str | None) -> str | None:
    """Returns the address of an object store as it is; raises ValueError."""
    if value is None:
        return None
    scheme, found, rest = value.partition("://")
    if not found or scheme not in ("s3", "gs", "az", "file") or not rest.strip("/") or set("@?#") & {*rest}:
        raise ValueError("an address such as s3://bucket/prefix, gs://…, az://… or file:///…, without keys")
    return value


def _checked(value: SecretStr, schemes: tuple[str, ...], example: str) -> SecretStr:
    """Checks all that another library would say with a part of the password in its words."""
    scheme, found, rest = value.get_secret_value().partition("://")
    if not found or scheme not in schemes:
        raise ValueError(f"an address such as {example}")
    where, *more = re.split("[/?#]", rest, maxsplit=1)
    if where.count("@") > 1 or "@" in "".join(more):
        raise ValueError("an address whose password has %40 for @, %2F for /, %3F for ? and %23 for #")
    if "password=" in rest:
        raise ValueError("an address with the password before the host, as in ://user:password@host")
    try:
        port = urlsplit(f"//{where}").port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"an address with a port from 1 to 65535, if it names one, such as {example}")
    return value
