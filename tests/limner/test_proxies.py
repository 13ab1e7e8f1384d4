"""One rule says which proxy leads to an address, and no library trips over what the variables hold."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from limner import proxies
from limner.proxies import proxy_for, tidy_variables

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets the proxy variables, and no others."""
    for name in NAMES:
        for variable in (name, name.upper()):
            monkeypatch.setenv(variable, "")  # so that they are restored, whatever the code does
            monkeypatch.delenv(variable)

    def set_them(**values: str) -> None:
        for variable, value in values.items():
            monkeypatch.setenv(variable, value)
        proxies._rule.cache_clear()

    yield set_them
    proxies._rule.cache_clear()


PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("values", "url", "proxy"),
    [
        ({}, "https://a.example/x", None),
        ({"HTTPS_PROXY": PROXY}, "https://a.example/x", PROXY),
        ({"https_proxy": PROXY}, "https://a.example/x", PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, "https://a.example/x", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://a.example/x", None),
        ({"HTTP_PROXY": PROXY}, "http://a.example/x", PROXY),
        ({"ALL_PROXY": PROXY}, "https://a.example/x", PROXY),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": PROXY}, "https://a.example/x", PROXY),
        ({"HTTPS_PROXY": "proxy:3128"}, "https://a.example/x", PROXY),
        ({"HTTPS_PROXY": f'"{PROXY}"'}, "https://a.example/x", PROXY),
        ({"ALL_PROXY": "socks://127.0.0.1:1"}, "https://a.example", "socks5://127.0.0.1:1"),
        ({"ALL_PROXY": "socks5h://127.0.0.1:1"}, "https://a.example", "socks5h://127.0.0.1:1"),
        ({"HTTPS_PROXY": "http://u:p%40@proxy:3128"}, "https://a.example", "http://u:p%40@proxy:3128"),
        ({"HTTPS_PROXY": "ftp://proxy"}, "https://a.example/x", None),
        ({"HTTPS_PROXY": "nonsense nonsense"}, "https://a.example/x", None),
        ({"HTTPS_PROXY": "http://proxy:port"}, "https://a.example/x", None),
        ({"HTTPS_PROXY": "http://"}, "https://a.example/x", None),
        *(
            ({"ALL_PROXY": PROXY, "NO_PROXY": direct}, url, proxy)
            for direct, url, proxy in [
                ("*", "https://a.example", None),
                ("b.example, *", "https://a.example", None),
                ("a.example", "https://a.example", None),
                ("a.example", "https://www.a.example", None),
                ("a.example", "https://nota.example", PROXY),
                (".a.example", "https://www.a.example", None),
                ("*.a.example", "https://www.a.example", None),
                ("b.example a.example", "https://a.example", None),
                ("A.Example:443", "https://a.example.", None),
                ("10.0.0.0/8", "http://10.1.2.3:8080/v1", None),
                ("10.0.0.0/8", "http://11.1.2.3:8080/v1", PROXY),
                ("fd07::/64", "http://[fd07::5]:8080", None),
                ("fd07::/64", "http://[fd08::5]:8080", PROXY),
                ("localhost,fd07::/64", "https://a.example", PROXY),
                ("[::2]", "http://[::2]/", None),
                ("!!,,", "https://a.example", PROXY),
            ]
        ),
        *(
            ({"https_proxy": address}, "https://a.example", address)
            for address in ("http://[fe80::1]:3128", "http://a:b@[fd07::1]:3128")
        ),
        *(
            ({"ALL_PROXY": PROXY}, f"http://{here}:7860/", None)
            for here in ("localhost", "127.0.0.1", "127.8.9.1", "[::1]", "pictures.localhost")
        ),
    ],
)
def test_which_proxy_leads_there(
    values: dict[str, str], url: str, proxy: str | None, variables: Callable[..., None]
) -> None:
    variables(**values)
    assert proxy_for(url) == proxy


HOSTILE = [
    {"http_proxy": "http://127.0.0.1:8501"},
    {"ALL_PROXY": "socks://127.0.0.1:1"},
    {"HTTPS_PROXY": "socks5h://127.0.0.1:1"},
    {"NO_PROXY": "localhost,fd07::/64"},
    {"NO_PROXY": "http://a b,[,:::,fe80::1%eth0,10.0.0.0/99"},
    {"HTTP_PROXY": "nonsense nonsense", "HTTPS_PROXY": "http://x:y:z", "ALL_PROXY": "ftp://x"},
]


@pytest.mark.parametrize("values", HOSTILE)
def test_libraries_have_nothing_to_fail_on(values: dict[str, str]) -> None:
    script = """
from limner.proxies import tidy_variables
tidy_variables("pictures.lan")
import httpx, httpx2, urllib.request
for library in (httpx, httpx2):
    library.Client().close()
print(urllib.request.proxy_bypass("localhost"), urllib.request.proxy_bypass("pictures.lan"))
"""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, **values},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_what_is_tidied_is_still_followed(variables: Callable[..., None]) -> None:
    variables(ALL_PROXY=PROXY, NO_PROXY="fd07::/64,a.example")
    tidy_variables()
    assert os.environ["no_proxy"] == "localhost,127.0.0.1,::1,a.example"
    assert proxy_for("http://[fd07::1]/") is None
    assert proxy_for("https://b.example/") == PROXY


def test_what_cannot_be_used_is_named_without_its_value(
    variables: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    variables(HTTPS_PROXY="ftp://user:5ecret@proxy")
    assert proxy_for("https://a.example") is None
    assert "HTTPS_PROXY is not the address of a proxy" in caplog.text
    assert "5ecret" not in caplog.text
