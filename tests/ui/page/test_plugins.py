"""The owner sees every plugin and what is wrong with it; nobody else does."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pytest

from tests.serving import Serving


def test_the_owner_sees_every_plugin(serve: Callable[..., Serving]) -> None:
    serving = serve(LIMNER_PROVIDERS__LOST__USES="<b>nothing</b>", OPENAI_API_KEY="sk-secret-0123456789")
    with urllib.request.urlopen(f"{serving.url}/limner/plugins", timeout=30) as answer:
        listed = answer.read().decode()
    assert "sketch · built in" in listed
    assert "The plugin &lt;b&gt;nothing&lt;/b&gt; is not installed" in listed
    assert "sk-secret" not in listed
    other = urllib.request.Request(f"{serving.url}/limner/plugins", headers={"Origin": "http://localhost:9"})
    with pytest.raises(HTTPError, match="404"):  # a page of another program on the same machine
        urllib.request.urlopen(other, timeout=30)


def test_a_visitor_behind_a_proxy_does_not(serve: Callable[..., Serving]) -> None:
    serving = serve(LIMNER_BEHIND_PROXY="true")
    with pytest.raises(HTTPError, match="404"):
        urllib.request.urlopen(f"{serving.url}/limner/plugins", timeout=30)
