"""Known secrets, of the owner and of visitors, in nothing that leaves the running app or that it keeps."""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from core.settings.clients import hash_of, new_key
from limner.testing.loopback import Loopback, Reply, Request
from tests.hub import CLIENT_SECRET, Hub
from tests.serving import Serving

NASTY = """
import base64, logging, os, sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from limner import (
    ContentFiltered, Credential, ImageRequest, ImageResult, ImageWarning, ModelInfo, ProviderError,
    ProviderInfo, hookimpl,
)

traces = TracerProvider()  # as an owner sets it up who collects them
out = open(os.environ["TRACES"], "a")
traces.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out)))
trace.set_tracer_provider(traces)

@hookimpl
def describe() -> ProviderInfo:
    pair = Credential(variable="NASTY_ACCESS", others=["NASTY_SECRET"])
    return ProviderInfo(label="Nasty", paid=True, models=[ModelInfo(id="m")], credential=pair)

@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    keys = [key.get_secret_value() for key in request.credentials.values()]
    coded = [base64.b64encode(f"{'x' * n}{key}".encode()).decode() for key in keys for n in range(3)]
    said = " ".join([*keys, *coded, *("".join(f"%{ord(c):02x}" for c in key) for key in keys)])
    print(f"printed {said}")
    print(f"printed {said}", file=sys.stderr)
    logging.getLogger("nasty").error("logged %s", said)
    request.report(f"progress {said}")
    how = request.prompt.split()[-1]
    if how == "refused":
        raise ContentFiltered(f"refused {said}")
    if how == "failed":
        raise ProviderError("auth", f"failed {said}", why=f"why {said}", sent=[said, *keys])
    if how == "crashed":
        raise RuntimeError(f"crashed {said}")
    import io
    from PIL import Image
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    warning = ImageWarning("size", f"warned {said}")
    more = {"metadata": {"of": said, keys[0]: 1}, "usage": {keys[0]: 1}, "warnings": [warning]}
    return ImageResult(
        file.getvalue(), revised_prompt=f"revised {said}", model=said, request_id=keys[0][:60], **more
    )
"""
ENDINGS = ("made", "refused", "failed", "crashed")
OTHERS_PROXY = {"Via": "1.1 proxy", "X-Forwarded-For": "203.0.113.7"}
"""What a request has that is not the owner's own."""


class Evidence:
    """All that the app has answered, by where it was found."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    def note(self, answer: httpx.Response) -> httpx.Response:
        headers = [header for header in answer.headers.raw if header[0].lower() != b"set-cookie"]
        place = f"{answer.request.method} {answer.request.url.path} {len(self.texts)}"
        self.texts[place] = answer.content + b"\n".join(b": ".join(header) for header in headers)
        return answer

    def add_files(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file() and "points-the-sdk" not in path.parts and path.suffix != ".py":
                self.texts[f"{path} as it is"] = path.read_bytes()
            if path.suffix == ".sqlite3":
                database = sqlite3.connect(path)
                self.texts[f"{path} as rows"] = "\n".join(database.iterdump()).encode()
                database.close()

    def where(self, secret: str) -> list[str]:
        """Returns where a secret is found, as it is, in base64, or encoded for a URL, in any case."""
        forms = {secret, quote(secret, safe=""), "".join(f"%{ord(c):02x}" for c in secret)}
        for shift in range(3):
            digits = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
            forms |= {inner := digits[(shift * 8 + 5) // 6 : -1], inner.replace("+", "-").replace("/", "_")}
        lowered = [form.lower().encode() for form in forms]
        return [place for place, text in self.texts.items() if any(form in text.lower() for form in lowered)]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def service() -> Iterator[Loopback]:
    """A service that repeats the whole request in its error, the key among it."""

    def repeat(request: Request) -> Reply:
        said = f"Incorrect API key provided: {json.dumps(request.headers)}"
        return Reply(401, {"error": {"message": said, "type": "invalid_request_error", "param": said}})

    with Loopback(repeat) as service:
        yield service


def secret(kind: str) -> str:
    return f"{kind}{secrets.token_hex(14)}Zz9"


def install_nasty(site: Path) -> None:
    site.mkdir()
    (site / "nasty.py").write_text(NASTY)
    installed = site / "limner_nasty-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: limner-nasty\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text("[limner]\nnasty = nasty\n")


def settle(client: httpx.Client, evidence: Evidence, thread: str, message: str) -> None:
    """Reads the stream of a conversation until the message has settled."""
    said = b""
    with client.stream("GET", f"/limner/threads/{thread}/events") as stream:
        for part in stream.iter_bytes():
            said += part
            events = [
                json.loads(line[6:])
                for line in said.split(b"\n")
                if line.startswith(b"data: {") and line[-1:] == b"}"
            ]
            latest = [one for event in events for one in event["messages"] if one["id"] == message]
            if latest and not re.search(r"limner-running", json.dumps(latest[-1])):
                break
    evidence.texts[f"the events of {thread} {message}"] = said


def use(client: httpx.Client, evidence: Evidence, thread: str, bodies: list[dict[str, Any]]) -> None:
    """Does with the app what a page and another program do, and notes what comes back."""

    def get(path: str) -> httpx.Response:
        return evidence.note(client.get(path))

    get("/")
    get("/limner/account")
    get("/limner/plugins")
    for provider in ("nasty", "openai", "huggingface", "replicate"):
        get(f"/limner/offer?provider={provider}")
    for body in bodies:
        evidence.note(client.post(f"/limner/threads/{thread}/price", json=body))
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        place = f"/limner/threads/{thread}/messages"
        begun, _ = [evidence.note(client.post(place, json=body, headers=headers)) for _ in range(2)]
        assert begun.status_code == 201, begun.text
        message = begun.json()["message"]
        settle(client, evidence, thread, message)
        get(f"/limner/threads/{thread}/messages/{message}/details")
        evidence.note(client.post("/api/image", json=body))
        evidence.note(client.post("/api/image", json={**body, "size": "none"}))
        evidence.note(client.post(f"/limner/threads/{thread}/messages/{message}/none", json=body))
    get("/limner/conversations")
    archive = zipfile.ZipFile(io.BytesIO(get(f"/limner/threads/{thread}/export").content))
    for name in archive.namelist():
        evidence.texts[f"{name} in the export"] = archive.read(name)


def prompts(provider: str, **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"a fox {how}", "provider": provider, **more} for how in ENDINGS]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_in_anything_that_leaves_or_is_kept(
    tmp_path: Path, hub: Hub, service: Loopback, log_format: str
) -> None:
    owners = {
        "OPENAI_API_KEY": secret("sk-"),
        "REPLICATE_API_TOKEN": secret("r8_"),
        "HF_TOKEN": secret("hf_"),
        "NASTY_ACCESS": secret("owners-access-"),
        "NASTY_SECRET": secret("owners-secret-"),
    }
    own = {
        "openai": {"OPENAI_API_KEY": secret("sk-own-")},
        "replicate": {"REPLICATE_API_TOKEN": secret("r8_own")},
        "nasty": {
            "NASTY_ACCESS": secret("own+access/"),
            "NASTY_SECRET": secret("plain words ").replace(" ", "-"),
        },
    }
    clients = {"a client's key": new_key(), "a key that is nobody's": new_key()}
    hub.tokens[owners["HF_TOKEN"]] = "bob"
    hub.answer = Reply(401, {"error": "The token KEY (Bearer KEY) may not do this", "token": "KEY"})
    work = tmp_path / "work"
    work.mkdir()
    install_nasty(site := tmp_path / "site")
    variables = hub.variables(tmp_path)
    serving = Serving(
        work,
        {
            **variables,
            **owners,
            "PYTHONPATH": f"{site}:{variables['PYTHONPATH']}",
            "OPENAI_BASE_URL": f"{service.url}/v1",
            "REPLICATE_BASE_URL": service.url,
            "LIMNER_DATA_DIR": str(work / "data"),
            "LIMNER_BUDGET": "1000/day",
            "LIMNER_CLIENTS__NOTEBOOK__KEY": hash_of(clients["a client's key"]),
            "LIMNER_LOG_FORMAT": log_format,
            "TMPDIR": str(work),
            "TRACES": str(work / "traces"),
        },
    )
    evidence = Evidence()
    known = {f"the owner's {name}": key for name, key in owners.items()}
    known |= {f"a visitor's {name}": key for keys in own.values() for name, key in keys.items()}
    known |= clients | {"the hash of a client's key": hash_of(clients["a client's key"])}
    known |= {"the client secret": CLIENT_SECRET, "Ada's own token": hub.people["ada"].token}
    try:
        with httpx.Client(base_url=serving.url, timeout=60) as owner:
            owner.get("/limner/conversations")
            asked = [*prompts("nasty"), *prompts("openai")[:1], *prompts("huggingface")[:1]]
            use(owner, evidence, "a" * 32, [*asked, *prompts("replicate")[:1]])
            known["the owner's cookie"] = owner.cookies["limner_visitor"]
        with httpx.Client(base_url=serving.url, timeout=60, headers=OTHERS_PROXY) as visitor:
            visitor.get("/limner/conversations")
            known["a visitor's cookie"] = visitor.cookies["limner_visitor"]
            begun = evidence.note(visitor.get("/limner/sign-in"))
            _, verifier = visitor.cookies["limner_sign_in"].split(".")
            assert verifier not in begun.headers["location"]
            back = httpx.get(begun.headers["location"]).headers["location"]
            known |= {"the code verifier": verifier, "the code": parse_qs(urlsplit(back).query)["code"][0]}
            evidence.note(visitor.get(back))
            known["the session"] = visitor.cookies["limner_session"]
            (known["Ada's token of the sign-in"],) = hub.signed_in_tokens()
            asked = [*prompts("nasty", keys=own), *prompts("openai", keys=own)[:1]]
            asked += [*prompts("replicate", keys=own)[:1], *prompts("huggingface")[:1]]
            use(visitor, evidence, "b" * 32, asked)
            bearer = {"Authorization": f"Bearer {hub.people['ada'].token}"}
            body = prompts("huggingface")[0]
            evidence.note(visitor.post("/api/image", json=body, headers=bearer))
            pictures = [path.name for path in (work / "data").rglob("*.png")]
            for name in pictures:
                evidence.note(visitor.get(f"/limner/pictures/{name}/x.png?details"))
            evidence.note(visitor.post("/limner/sign-out"))
            assert visitor.get("/limner/account").json()["user"] is None
        bearer = {"Authorization": "Bearer " + clients["a client's key"]}
        with httpx.Client(base_url=serving.url, timeout=60, headers=bearer) as client:
            use(client, evidence, "c" * 32, prompts("nasty", keys=own))
            bearer["Authorization"] = "Bearer " + clients["a key that is nobody's"]
            for path in ("/api/image", f"/limner/threads/{'c' * 32}/messages"):
                assert evidence.note(client.post(path, json=body, headers=bearer)).status_code == 401
        assert {*hub.paid_by()} == {
            owners["HF_TOKEN"],
            known["Ada's token of the sign-in"],
            known["Ada's own token"],
        }
        used = " ".join(str(request.headers) for request in service.requests)
        for name in ("OPENAI_API_KEY", "REPLICATE_API_TOKEN"):
            assert known[f"a visitor's {name}"] in used
            assert known[f"the owner's {name}"] in used
    finally:
        serving.stop()
    evidence.add_files(work)
    log = serving.log.read_text()
    assert log.count("printed") >= 4 * len(ENDINGS)
    assert (work / "traces").read_text().count("gen_ai.output.type") >= 4 * len(ENDINGS)
    assert len(pictures) >= 4
    assert len(known) >= 15
    assert {name: found for name, key in known.items() if (found := evidence.where(key))} == {}
    assert "[hidden]" in log
    assert evidence.where("a fox crashed"), "what is looked through is what was asked"
