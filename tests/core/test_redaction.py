"""No secret in any text that leaves the program, and no ordinary word lost."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from core import redaction
from core.redaction import HIDDEN, MAX_LENGTH, clean_words, hide_known, hide_secrets, hide_variables
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
        "the client limner_abcdefghijklmnopqrstuv-_ABCDEFGHIJKLMNOPwxyz came",
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
        "limner_visitor, limner_session and limner_contract_v1.draws_whatever_is_asked",
        "the key colorScheme and the token image2image are unknown",
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


ODD_KEY = "Ab/12-Cd+34_Ef=56~Gh&78"
"""A key that no pattern knows, with characters that other forms write otherwise."""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "lower case": str.lower,
    "upper case": str.upper,
    "base64": encoded,
    "base64 without padding": lambda key: encoded(key).rstrip("="),
    "base64 of the URL alphabet": lambda key: encoded(key).translate({43: "-", 47: "_"}),
    "base64 with a user of 4": lambda key: encoded(f"user:{key}"),
    "base64 with a user of 5": lambda key: encoded(f"users:{key}"),
    "base64 with a user of 6": lambda key: encoded(f"userss:{key}"),
    "base64 with more after it": lambda key: encoded(f"user:{key}@host"),
    "base64 of the URL alphabet, with more": lambda key: encoded(f"?{key}??").translate({43: "-", 47: "_"}),
    "base64 on lines": lambda key: base64.encodebytes(b"-" * 50 + key.encode() + b"-" * 50).decode(),
    "base64 in a URL": lambda key: quote(encoded(key), safe=""),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in capitals": lambda key: key.encode().hex().upper(),
    "hexadecimal with spaces": lambda key: key.encode().hex(" "),
    "bytes of source code": lambda key: "".join(f"\\x{byte:02x}" for byte in key.encode()),
    "URL": lambda key: quote(key, safe=""),
    "URL in small letters": lambda key: re.sub("%..", lambda e: e[0].lower(), quote(key, safe="")),
    "form data": quote_plus,
    "URL, encoded twice": lambda key: quote(quote(key, safe=""), safe=""),
    "URL, encoded in part": lambda key: key.replace("/", "%2F").replace("A", "%41"),
    "URL, every character": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "URL, in lower case": lambda key: quote(key.lower(), safe=""),
    "HTML": html.escape,
    "HTML, escaped twice": lambda key: html.escape(html.escape(key)),
    "HTML by numbers": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "HTML by hexadecimal numbers": lambda key: "".join(f"&#x{ord(c):X};" for c in key),
    "HTML by names": lambda key: key.replace("+", "&plus;").replace("=", "&equals;").replace("/", "&sol;"),
    "JSON": lambda key: key.replace("/", "\\/").replace("-", "\\u002d").replace("&", "\\u0026"),
    "JSON in JSON": lambda key: json.dumps(key.replace("-", "\\u002D")),
    "JavaScript": lambda key: key.replace("-", "\\u{2d}"),
    "reversed": lambda key: key[::-1],
    "reversed in lower case": lambda key: key[::-1].lower(),
    "on two lines": lambda key: f"{key[:9]}\n    {key[9:]}",
    "on two lines of JSON": lambda key: f"{key[:9]}\\n{key[9:]}",
    "spaced": " ".join,
    "with zero-width spaces": "\u200b".join,
    "with soft hyphens and joiners": "\u00ad\u2060".join,
    "with zero-width spaces as HTML": "&#8203;".join,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "key", [ODD_KEY, "0123abcdefghijklmnopqrstuvwxyz", "kéy-of-tests", "a key: \\ and /"]
)
def test_known_secret_is_hidden_in_every_form(form: Callable[[str], str], key: str) -> None:
    if key == "kéy-of-tests" and form in (str.upper, FORMS["HTML by names"]):
        key = "key-of-tests"  # only the letters of ASCII have another case
    shown = hide_known(f"The key <{form(key)}> is wrong. é", key)
    assert shown.count(HIDDEN) == 1
    assert re.fullmatch(r"""The key <"?[\w+/=\n-]{0,72}\[hidden][\w+/=\n-]{0,72}"?> is wrong. é""", shown)
    if "more" not in form_name(form) and "lines" not in form_name(form) and "user" not in form_name(form):
        assert re.fullmatch(r"""The key <"?\[hidden]"?> is wrong. é""", shown)


def form_name(form: Callable[[str], str]) -> str:
    return next(name for name, other in FORMS.items() if other is form)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secret_of_the_environment_is_hidden_in_every_form(
    form: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", ODD_KEY)
    for clean in (hide_known, hide_secrets, clean_words):
        assert HIDDEN in (clean(f"The key <{form(ODD_KEY)}> is wrong.") or "")


def test_nothing_of_a_secret_stays_at_the_edges_of_its_base64() -> None:
    for before in ("", "a", "ab"):
        for after in ("", "a", "ab"):
            begun, _, ended = hide_known(encoded(before + ODD_KEY + after), ODD_KEY).partition(HIDDEN)
            assert len(begun) == 8 * len(before) // 6
            assert len(ended.rstrip("=")) <= -(-8 * len(after) // 6)


def test_several_secrets_and_what_is_between_them() -> None:
    text = f"{ODD_KEY.lower()} a%20b {encoded(ODD_KEY)} &amp; {ODD_KEY[::-1]}{ODD_KEY.upper()} c"
    assert hide_known(text, ODD_KEY, KEY) == f"{HIDDEN} a%20b {HIDDEN} &amp; {HIDDEN}{HIDDEN} c"
    assert hide_known(f"{KEY}x{KEY.lower()}", ODD_KEY, KEY) == f"{HIDDEN}x{HIDDEN}"
    assert hide_known(f"a {ODD_KEY} b", ODD_KEY[:12], ODD_KEY) == f"a {HIDDEN} b"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("test-test", "test TEST test, tested -test- tset: dGVzdA== 74657374"),
        ("cat-cat", "CAT-CAT, tac-tac, cat cat, c-a-t, 6361742d636174, Y2F0LWNhdA=="),
        ("secret", "Secret SECRET terces c2VjcmV0"),
        ("sk-proj-Ab12Cd34Ef56Gh78", "sk-proj-...Gh78, sk-p****Gh78, Ab12, sk-proj-"),
        ("correct-horse", "Correct horse, a horse is correct"),
        ("12345678", "1234567, 123-45678, 1 2 3 4 5 6 7 and 9"),
    ],
)
def test_ordinary_words_and_the_ends_of_a_known_key_stay(key: str, text: str) -> None:
    assert hide_known(text, key) == text


@pytest.mark.parametrize("secret", ["alice:pa55word-of-alice", "0a1b2c3d:f00df00df00df00d"])
def test_the_password_of_a_user_is_hidden_without_the_user_too(secret: str) -> None:
    user, _, password = secret.partition(":")
    said = f"{password!r} or {base64.b64encode(password.encode()).decode()} is wrong for {user}"
    assert hide_known(said, secret) == f"'{HIDDEN}' or {HIDDEN} is wrong for {user}"
    assert hide_known("Note: it is wrong.", "x: it") == "Note: it is wrong."


def test_a_short_secret_is_hidden_as_it_is() -> None:
    assert hide_known("a cat, a CAT", "cat") == f"a {HIDDEN}, a CAT"


@pytest.mark.parametrize(
    "text", ["100% é &amp; &copy; &unknown; \\u00zz C:\\new\\temp %zz &#99999999; \\u{110000}", "%"]
)
def test_what_looks_escaped_and_hides_nothing_stays(text: str) -> None:
    assert hide_known(text, ODD_KEY) == text
    assert hide_known(f"{text} {ODD_KEY.lower()} {text}", ODD_KEY) == f"{text} {HIDDEN} {text}"


def test_a_services_words_are_made_fit_to_be_shown() -> None:
    assert clean_words("a\x00b\n\tc\u202e \ud800 d") == "a b c d"
    assert clean_words("x" * 10_000) == "x" * (MAX_LENGTH - 1) + "…"
    assert clean_words("\n\x07") is None
    assert clean_words("") is None
    assert clean_words(None) is None
    assert clean_words(" " * 100_000 + KEY) == HIDDEN


@pytest.mark.parametrize(
    "part",
    [
        *(
            "%41",
            "%25",
            "\\u0041",
            "\\\\",
            "&#65;",
            "&amp;",
            "&",
            "a\u200b",
            ODD_KEY.lower(),
            " ".join(ODD_KEY),
        ),
        *(
            "a",
            "sk-",
            "token ",
            "key=",
            "eyJ",
            "eyJaaaaaaaa.",
            "://a",
            "?sig=",
            "bearer \t",
            "api_key: '",
            "-a",
        ),
    ],
)
def test_a_long_text_takes_no_more_than_its_length(part: str) -> None:
    """Work that grows with the square of this length would take hours."""
    give_up_after(120)
    try:
        hide_secrets((part * 1_000_000)[:1_000_000], ODD_KEY, "a" * 200 + "b")
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
import logging, os, sys, threading, traceback
from core.logs import log_without_secrets
log_without_secrets()
secret = sys.argv[1]
logging.getLogger("a.plugin").warning("The key is %s", secret)
own = logging.getLogger("with.its.own.handler")
own.propagate = False
own.addHandler(logging.StreamHandler())
own.error("once more %s", secret)
print("printed", secret)
print("backwards", os.environ["SCRIPTED_TOKEN"][::-1])
logging.getLogger("a.plugin").warning("In capitals: %s", os.environ["SCRIPTED_TOKEN"].upper())
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
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCRIPTED_TOKEN": ODD_KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    output = ran.stdout + ran.stderr
    assert KEY not in output
    assert ODD_KEY[::-1] not in output
    assert ODD_KEY.upper() not in output
    assert output.count(HIDDEN) >= 9
    for words in (
        "backwards",
        "In capitals",
        "The key is",
        "once more",
        "printed",
        "ValueError",
        "RuntimeError: at the end",
    ):
        assert words in output
