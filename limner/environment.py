"""Which variable of the environment keeps a client from being built."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from limner.errors import ProviderError
from limner.proxies import is_proxy_address

_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_NO_PROXY = ("NO_PROXY",)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def environment_fault(error: Exception) -> ProviderError | None:
    """Returns the failure that names the variable behind an error; None if it is not the environment's.

    It is for what a client raises while it is built: it reads the proxies and the certificates from the
    environment, and the settings of its own. No value is quoted, since it may hold a password.
    """
    if isinstance(error, ModuleNotFoundError):  # a package is missing, which the host names itself
        return None
    names: list[str] = []
    if isinstance(error, OSError):  # that of a certificate is one too
        names = _those(_CERTIFICATES, _is_wrong_file) or _those(_CERTIFICATES)
    elif isinstance(error, ValueError | ImportError) or type(error).__name__ == "InvalidURL":
        names = _those(_PROXIES, _is_wrong_proxy) or _quoted(error) or _those(_NO_PROXY, _has_a_network)
    if not names:
        return None
    what = "variables" if len(names) > 1 else "variable"
    them = "them" if len(names) > 1 else "it"
    why = f"The environment {what} {' and '.join(names)} cannot be used as set: correct or remove {them}"
    if isinstance(error, ImportError):
        why += ", or install the package socksio for a SOCKS proxy"
    return ProviderError("unavailable", why=f"{why}, and restart Limner.", did_not_run=True)


def _those(known: Iterable[str], is_wrong: Callable[[str], bool] = bool) -> list[str]:
    """Returns the variables that are set, in capitals or not, and whose value is wrong."""
    names = sorted(name for name in os.environ if name.upper() in known)
    return [name for name in names if os.environ[name] and is_wrong(os.environ[name])]


def _quoted(error: Exception) -> list[str]:
    """Returns the variables whose whole value an error quotes."""
    said = str(error)
    return sorted(name for name, value in os.environ.items() if value and repr(value) in said)


def _is_wrong_proxy(value: str) -> bool:
    needs_package = value.lower().startswith("socks5") and find_spec("socksio") is None
    return needs_package or not is_proxy_address(value if "://" in value else f"http://{value}")


def _has_a_network(value: str) -> bool:
    """Whether a list of hosts has a network of IPv6, such as fd07::/64, which not every client reads."""
    return any("/" in host and ":" in host and "://" not in host for host in value.split(","))


def _is_wrong_file(value: str) -> bool:
    if os.path.isdir(value):
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
    except OSError:
        return True
    return False
