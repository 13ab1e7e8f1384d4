"""Every known way in which a model cannot be loaded says what to do."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from conftest import Watched, hub
from limner_diffusers import failures

from limner import ProviderError
from limner.testing import Reply


def failure_of(model: str, **more) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        Watched(model=model, **more).draw()
    assert failed.value.did_not_run
    assert failed.value.service_message is None
    return failed.value


@pytest.mark.parametrize(
    ("reply", "category", "says"),
    [
        (Reply(401, headers={"X-Error-Code": "RepoNotFound"}), "invalid-request", "The Hub has no model"),
        (
            Reply(404, headers={"X-Error-Code": "RepoNotFound"}),
            "invalid-request",
            "for a private one set HF_TOKEN",
        ),
        (
            Reply(401, headers={"X-Error-Code": "GatedRepo"}),
            "auth",
            "accept its terms at https://huggingface.co/",
        ),
        (
            Reply(403, headers={"X-Error-Code": "GatedRepo"}),
            "auth",
            "set HF_TOKEN to a token of that account",
        ),
        (Reply(403), "auth", "The Hub rejected the token"),
        (
            Reply(404, headers={"X-Error-Code": "EntryNotFound"}),
            "invalid-request",
            "is no pipeline of diffusers",
        ),
    ],
)
def test_what_the_hub_answers(
    reply: Reply, category: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "answer", lambda request: reply)
    error = failure_of("studio/study")
    assert (error.category, says in (error.why or "")) == (category, True), error.why


def test_the_hub_gets_the_token_of_the_request_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import SecretStr

    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    monkeypatch.setattr(hub, "answer", lambda request: Reply(403, headers={"X-Error-Code": "GatedRepo"}))
    failure_of("studio/study")
    assert hub.requests
    assert not any("authorization" in request.headers for request in hub.requests)
    del hub.requests[:]
    error = failure_of("studio/study", credential=SecretStr("hf_of_the_request"))
    assert {request.headers["authorization"] for request in hub.requests} == {"Bearer hf_of_the_request"}
    assert "hf_of" not in f"{error} {error.why}"


def test_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = failure_of("studio/study")
    assert (error.category, "name the folder that has the model" in (error.why or "")) == (
        "unavailable",
        True,
    )


def test_a_connection_that_fails_is_known_by_its_error() -> None:
    from huggingface_hub.utils import get_session

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    try:
        get_session().get(f"http://127.0.0.1:{port}")
    except Exception as error:
        known = failures.known_failure(OSError("no file").with_traceback(None), "studio/study")
        assert known is not None
        assert known[0] == "invalid-request"
        wrapped = OSError("no file")
        wrapped.__cause__ = error
        known = failures.known_failure(wrapped, "studio/study")
        assert known is not None
        assert known[0] == "unavailable"


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (None, "is no pipeline of diffusers"),
        ("{", "is no pipeline of diffusers"),
        (json.dumps({"_class_name": "AudioOfTheFuturePipeline"}), "makes no pictures in this way"),
        (json.dumps({"_class_name": "QwenImageEditPlusPipeline"}), "if it only edits, add a picture"),
        (
            json.dumps(
                {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
            ),
            "a file is missing, or broken, or not in the form safetensors",
        ),
    ],
)
def test_a_folder_without_a_pipeline(index: str | None, says: str, tmp_path: Path) -> None:
    if index is not None:
        (tmp_path / "model_index.json").write_text(index)
    error = failure_of(str(tmp_path))
    assert (error.category, says in (error.why or "")) == ("invalid-request", True), error.why


@pytest.mark.parametrize("model", ["/no/such/folder", "what is this?"])
def test_a_name_that_none_has(model: str) -> None:
    error = failure_of(model)
    assert (error.category, "neither a model's id nor a folder" in (error.why or "")) == (
        "invalid-request",
        True,
    )


@pytest.mark.parametrize("missing", ["torch", "diffusers"])
def test_a_missing_library_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, missing, None)
    error = failure_of("/no/such/folder")
    assert error.why == f"{missing} is missing, or cannot be used: `pip install limner-diffusers` brings it."


def test_what_nobody_knows_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import Flux2KleinPipeline

    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(Flux2KleinPipeline, "encode_prompt", fail)
    with pytest.raises(ZeroDivisionError):
        Watched().draw()
