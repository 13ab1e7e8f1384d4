"""No secret in any text that leaves the program, and no ordinary word lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from core import redaction
from core.redaction import HIDDEN, MAX_LENGTH, clean_words, hide_secrets, hide_variables
from tests.serving import ROOT

KEY = "sk-proj-Ab12Cd34Ef56Gh78Ij90"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {KEY}. You can find your key at https://platform.openai.com.",
        "Incorrect API key provided: sk-proj-********************wxyz.",
        f"Authorization: Bearer {KEY}",
        "Authorization: Bearer abcdefghwxyz",
        "headers={'authorization': 'Token r8_wxyz', 'accept': '*/*'}",
        '{"api_key": "abcwxyz", "size": "1024x1024"}',
        "GET https://api.example/v1/images?key=AIzawxyz&alt=json",
        "url=https://user:wxyz@proxy.example:8080/",
        "https://files.example/a.png?X-Amz-Signature=wxyz&w=1",
        "https://files.example/a.png?w=1&sig=wxyz",
        "token=wxyz is not valid",
        "password=wxyz",
        "the header x-api-key: wxyz was refused",
        "Invalid token hf_abcdefGhijklmnopqrstuvwxyz given",
        "Invalid key r8_0123456789abcdefwxyz",
        "fal: Key 0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f:0123456789abcdef0123456789abcdef wxyz"[:-5],
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlwxyz",
        "AKIAIOSFODNN7EXAMPLE",
        "Basic dXNlcjpwYXNzd29yZA==",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    shown = hide_secrets(text)
    assert HIDDEN in shown
    for secret in ("wxyz", "Ab12Cd34", "0123456789abcdef", "IOSFODNN", "dXNlcjpw"):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "token limit exceeded: at most 4096 tokens, max_tokens=8192",
        "Invalid token provided; the API key is missing",
        "Basic authentication is required, bearer authentication failed",
        "the hf-inference provider, fal-client, key-value-store, sk-learn",
        "Unknown key: prompt. A key lime, a secret garden, a monkey=banana",
        "the password must be set",
        "size 1024x1024 is wrong; request id req_0123456789abcdef0123456789abcdef",
        "see https://example.com/docs?page=2&size=3",
        "model black-forest-labs/flux-1.1-pro, version 5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert hide_secrets(text) == text


def test_known_secrets_and_those_of_the_environment_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "correct horse/battery+staple")
    monkeypatch.setenv("SHORT_TOKEN", "cat")
    monkeypatch.setenv("MINE", "an unusual name's value")
    assert hide_secrets("a correct horse/battery+staple b") == f"a {HIDDEN} b"
    assert hide_secrets("?q=correct%20horse%2Fbattery%2Bstaple") == f"?q={HIDDEN}"
    assert hide_secrets("a cat") == "a cat"
    assert hide_secrets("x plain y", "plain", "") == f"x {HIDDEN} y"
    assert "unusual" in hide_secrets("an unusual name's value")
    hide_variables(["MINE"])
    assert hide_secrets("an unusual name's value") == HIDDEN


def test_a_services_words_are_made_fit_to_be_shown() -> None:
    assert clean_words("a\x00b\n\tc\u202e \ud800 d") == "a b c d"
    assert clean_words("x" * 10_000) == "x" * (MAX_LENGTH - 1) + "…"
    assert clean_words("\n\x07") is None
    assert clean_words("") is None
    assert clean_words(None) is None
    assert clean_words(" " * 100_000 + KEY) == HIDDEN


@pytest.mark.parametrize(
    "part",
    ["a", "sk-", "token ", "key=", "eyJ", "eyJaaaaaaaa.", "://a", "?sig=", "bearer \t", "api_key: '", "-a"],
)
def test_a_long_text_takes_no_more_than_its_length(part: str) -> None:
    """Work that grows with the square of this length would take hours."""
    give_up_after(120)
    try:
        hide_secrets((part * 1_000_000)[:1_000_000])
    finally:
        give_up_after(0)


def give_up_after(seconds: float) -> None:
    """Fails the test then, also in the midst of a search; 0 takes it back."""

    def give_up(*_: object) -> None:
        pytest.fail(f"It takes more than {seconds} seconds.")

    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds)


@pytest.mark.parametrize("pattern", redaction._PATTERNS, ids=lambda pattern: pattern.pattern[:20])
def test_every_repetition_of_a_pattern_has_an_end(pattern: re.Pattern[str]) -> None:
    unbounded = re.compile(r"(?<!\\)(?:[*+]|\{\d*,\})")
    classes = re.compile(r"\[(?:\\.|[^\]\\])+\]")
    assert not unbounded.search(classes.sub("c", pattern.pattern))


def test_of_a_long_text_only_what_may_be_shown_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(redaction, "hide_secrets", lambda text: searched.append(text) or text)
    clean_words("a b " * 1_000_000)
    assert [len(text) for text in searched] == [20 * MAX_LENGTH]


PRINT_IT = """
import logging, sys, threading, traceback
from core.logs import log_without_secrets
log_without_secrets()
secret = sys.argv[1]
logging.getLogger("a.plugin").warning("The key is %s", secret)
own = logging.getLogger("with.its.own.handler")
own.propagate = False
own.addHandler(logging.StreamHandler())
own.error("once more %s", secret)
print("printed", secret)
try:
    raise ValueError(secret)
except ValueError:
    logging.exception("failed")
    traceback.print_exc()
thread = threading.Thread(target=lambda: int(secret))
thread.start()
thread.join()
raise RuntimeError(f"at the end {secret}")
"""


def test_logs_tracebacks_and_prints_of_the_program_are_cleaned() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PRINT_IT, KEY],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    output = ran.stdout + ran.stderr
    assert KEY not in output
    assert output.count(HIDDEN) >= 7
    for words in ("The key is", "once more", "printed", "ValueError", "RuntimeError: at the end"):
        assert words in output
