"""Gradio's own client, and `gr.load`, on the one endpoint that is there for them."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.external import from_spaces_blocks
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.core.scripted import PNG
from tests.doors import GOOD, REFUSED, Refused
from tests.serving import Serving
from tests.test_documents import blocks
from tests.ui.conftest import Gate
from tests.waiting import until
from ui.http.gradio_form import PARAMETERS

PIXEL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SECONDS = 60


@pytest.fixture(scope="module")
def client(app: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    pictures = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")  # it would ask the Hub
        client = Client(app.url, verbose=False, analytics_enabled=False, download_files=pictures)
    yield client
    client.close()


def generate(client: Client, **values: Any) -> tuple[Path, dict[str, Any]]:
    path, metadata = client.submit(**values, api_name="/generate").result(SECONDS)
    return Path(path), metadata


def test_it_sees_one_endpoint_with_a_true_signature(client: Client) -> None:
    info: Any = client.view_api(print_info=False, return_format="dict")
    assert ([*info["named_endpoints"]], info["unnamed_endpoints"]) == (["/generate"], {})
    (endpoint,) = info["named_endpoints"].values()
    types = {one["parameter_name"]: one["python_type"]["type"] for one in endpoint["parameters"]}
    assert [*types] == [*PARAMETERS]
    assert (types["prompt"], types["seed"]) == ("str", "int")
    assert "'sketch'" in types["provider"]
    assert [one["parameter_name"] for one in endpoint["parameters"] if not one["parameter_has_default"]] == [
        "prompt"
    ]
    assert [one["label"] for one in endpoint["returns"]] == ["Picture", "Metadata"]
    assert [one["api_name"] for one in client.config["dependencies"]] == ["generate"]


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_in_a_sentence(client: Client, refused: Refused) -> None:
    values = {**GOOD, **refused.values}
    data = [values.get(name) for name in PARAMETERS]
    try:
        said, words = refusal(client, data), refused.words
    except UnicodeEncodeError:  # the client cannot send half a surrogate pair; another program can
        said, words = raw(client, json.dumps(body(data)).encode()).json()["error"], "not a valid JSON object"
    assert re.search(words, said, re.IGNORECASE), said
    assert "Traceback" not in said


def refusal(client: Client, data: list[Any]) -> str:
    with pytest.raises(AppError) as refused:
        client.submit(*data, api_name="/generate").result(SECONDS)
    return str(refused.value)


def body(data: object, **more: object) -> dict[str, object]:
    return {"data": data, "fn_index": 0, "session_hash": "mine", **more}


def raw(client: Client, content: bytes) -> httpx.Response:
    url = f"{client.src_prefixed}queue/join"
    return httpx.post(url, content=content, headers={"Content-Type": "application/json"}, timeout=SECONDS)


def test_a_failure_is_said_and_leaves_no_trace(client: Client, app: Serving) -> None:
    with pytest.raises(AppError, match=r"Sketch refused it: its content filter .* Change the prompt"):
        generate(client, **{**GOOD, "options": {"outcome": "content-filter"}})
    assert "Traceback" not in app.log.read_text()


def test_a_picture_goes_in_as_text(client: Client) -> None:
    _, metadata = generate(client, prompt="the same at night", provider="sketch", image=PIXEL)
    assert metadata["fromPictures"] is True


def test_a_cancelled_job_stops_the_picture(client: Client, gate: Gate) -> None:
    job = client.submit(f"a boat {gate.tag}", api_name="/generate")
    # the client may learn of its job later than the server begins it, and then cancels none
    known = job.communicator
    assert known
    asyncio.run(until(lambda: gate.is_at("reached") and known.event_id))
    job.cancel()
    asyncio.run(until(lambda: gate.is_at("stopped")))


def test_jobs_side_by_side_each_get_their_own(client: Client) -> None:
    jobs = {
        seed: client.submit("a boat", provider="sketch", size="64x64", seed=seed, api_name="/generate")
        for seed in range(12)
    }
    assert [job.result(SECONDS)[1]["seed"] for job in jobs.values()] == [*jobs]


def test_a_page_of_gradios_loads_it(app: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `gr.load("you/limner", src="spaces")` does once it knows the Space's address."""
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    form = from_spaces_blocks(app.url, None)
    labels = [getattr(block, "label", None) for block in form.blocks.values()]
    assert {"Prompt", "Provider", "Picture", "Metadata"} <= {*labels}
    empty: list[Any] = ["", "", "", None, "", None, "", ""]  # as the form sends what nobody has filled in
    call: Any = form.fns[0].fn
    file, metadata = call("a boat", *empty)
    assert metadata["prompt"] == "a boat"
    with urllib.request.urlopen(f"{app.url}/gradio_api/file={file['path']}") as picture:
        assert len(picture.read()) == metadata["bytes"] == file["size"]
    with urllib.request.urlopen(file["url"]) as same:
        assert len(same.read()) == metadata["bytes"]


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_goes_away_stops_its_picture(client: Client, gate: Gate, reads: bool) -> None:
    session = {"session_hash": f"gone-{reads}"}
    raw(client, json.dumps(body([f"a boat {gate.tag}"], **session)).encode())
    asyncio.run(until(lambda: gate.is_at("reached")))
    if reads:
        with httpx.stream(
            "GET", f"{client.src_prefixed}queue/data", params=session, timeout=SECONDS
        ) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            next(stream.iter_lines())
    asyncio.run(until(lambda: gate.is_at("stopped")))


def test_the_code_of_the_readme_runs(app: Serving, client: Client) -> None:
    (code,) = (code for code in blocks("README.md", "python") if "gradio_client" in code)
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:7860", app.url), names)
    assert Path(names["picture"]).stat().st_size == names["metadata"]["bytes"]
    form = gr.Interface(client.predict, "textbox", ["image", "json"], analytics_enabled=False)
    call: Any = form.fns[0].fn
    assert call("a boat")[1]["prompt"] == "a boat"
