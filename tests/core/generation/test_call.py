"""One call of a provider: what it is asked, and every way it can end, in the host's words."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from core.generation import call
from core.plugins.registry import Registry
from core.settings.schema import load_settings
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError
from tests.plugins.calls import KEY, Calls, key  # noqa: F401 (a fixture)
from tests.plugins.installing import site_of

site = site_of("limner-broken")


@pytest.mark.parametrize("name", ["raises-async", "raises-sync"])
@pytest.mark.parametrize(
    "tantrum",
    [
        "a bug",
        "sys.exit",
        "an exception group",
        "a StopIteration",
        "a CancelledError",
        "a GeneratorExit",
        "a KeyboardInterrupt",
        "the root error",
        "None",
        "a generator",
    ],
)
def test_whatever_a_provider_raises_beside_the_contract_is_one_fixed_sentence(
    name: str, tantrum: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        failure = asyncio.run(Calls(name).fail(name, tantrum))
    assert failure.cause == "crash"
    assert failure.what == f"The plugin {name} failed."
    assert "secret" not in failure.model_dump_json()
    (record,) = caplog.records
    assert record.getMessage() == f"The plugin {name} failed while making a picture"
    assert record.exc_info


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not tell the two apart")
def test_a_provider_that_cancels_its_own_task_is_not_mistaken_for_stop() -> None:
    failure = asyncio.run(Calls("raises-async").fail("raises-async", "cancels itself by its task"))
    assert (failure.cause, failure.what) == ("crash", "The plugin raises-async failed.")


@pytest.mark.parametrize("name", ["raises-async", "raises-sync"])
def test_an_error_whose_fields_are_wrong_says_no_more_than_is_right(name: str) -> None:
    desk = Calls(name)
    failure = asyncio.run(desk.fail(name, "an unfinished error"))
    assert (failure.cause, failure.service_message, failure.did_not_run) == ("provider", None, False)
    failure = asyncio.run(desk.fail(name, "a careless error"))
    assert (failure.cause, failure.retry_after, failure.did_not_run) == ("provider", None, False)
    assert failure.service_message == "{'message': 'no credit'}"


def raising(error: Callable[[], Exception]) -> Callable[[ImageRequest], Awaitable[ImageResult]]:
    async def answer(request: ImageRequest) -> ImageResult:
        raise error()

    return answer


@pytest.mark.usefixtures("key")
def test_an_error_of_the_contract_arrives_whole_and_without_the_key() -> None:
    words = f"429: {KEY}\nslow down"
    error = ProviderError("rate-limit", words, retry_after=8, did_not_run=True)
    desk = Calls(answer=raising(lambda: error), max_retries=0)
    failure = asyncio.run(desk.fail("study"))
    assert failure.cause == "rate-limit"
    assert failure.service_message == "429: [hidden] slow down"
    assert (failure.retry_after, failure.did_not_run) == (8, True)


@pytest.mark.usefixtures("key")
def test_a_refusal_keeps_the_services_words_without_the_key() -> None:
    desk = Calls(answer=raising(lambda: ContentFiltered(f"not with {KEY}")))
    failure = asyncio.run(desk.fail("study"))
    assert (failure.cause, failure.service_message) == ("content-filter", "not with [hidden]")


# What a provider is asked, and what it says beside the picture


def test_without_its_key_a_provider_is_not_called() -> None:
    desk = Calls(answer=raising(lambda: AssertionError("It was called.")))
    failure = asyncio.run(desk.fail("study"))
    assert (failure.cause, failure.did_not_run) == ("no-credential", True)
    assert "STUDY_API_KEY" in failure.next
    assert "https://study.example/keys" in failure.next


@pytest.mark.usefixtures("key")
def test_the_host_gives_the_key_the_deadline_and_the_settings() -> None:
    asked: list[ImageRequest] = []

    async def answer(request: ImageRequest) -> ImageResult:
        asked.append(request)
        return ImageResult(b"")

    own = {"timeout": 9, "base_url": "http://study.internal", "api_key_env": "STUDY_API_KEY", "depth": 3}
    desk = Calls(answer=answer, providers={"study": own})

    async def main() -> None:
        await desk.ask("study")

    asyncio.run(main())
    (request,) = asked
    assert request.credential
    assert request.credential.get_secret_value() == KEY
    assert request.timeout == pytest.approx(9, abs=1)
    assert (request.base_url, request.settings) == ("http://study.internal", {"depth": 3})
    assert KEY not in repr(request)


@pytest.mark.usefixtures("key")
def test_progress_comes_from_any_thread_and_without_the_key() -> None:
    said: list[str] = []

    async def answer(request: ImageRequest) -> ImageResult:
        request.report(f"asking with {KEY}")
        await asyncio.sleep(0)  # one that still waits for the loop gives way to a newer one
        await asyncio.to_thread(request.report, "third in the queue")
        words: Any = 50
        request.report(words)
        return ImageResult(b"")

    async def main() -> None:
        await Calls(answer=answer).ask("study", report=said.append)

    asyncio.run(main())
    assert said == ["asking with [hidden]", "third in the queue", "50"]


@pytest.mark.usefixtures("key")
def test_only_the_start_of_a_long_report_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def clean(words: str, *secrets: str) -> str:
        looked_at.append(len(words))
        return words

    async def answer(request: ImageRequest) -> ImageResult:
        request.report("dump " * 100_000)
        await asyncio.sleep(0)
        return ImageResult(b"")

    async def main() -> None:
        await Calls(answer=answer).ask("study")

    monkeypatch.setattr(call, "clean_words", clean)
    asyncio.run(main())
    assert looked_at == [call.MAX_PROGRESS]


def test_another_server_never_gets_the_key_of_the_service_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    monkeypatch.setenv("STUDIO_KEY", "for-the-studio")
    elsewhere = {"uses": "openai", "base_url": "http://flux.internal/v1"}
    providers = {"flux": elsewhere, "studio": {**elsewhere, "api_key_env": "STUDIO_KEY"}}
    registry = Registry(load_settings(providers=providers))
    keys = {provider.name: provider.credential for provider in registry}
    assert keys["flux"] is None
    assert keys["studio"] == SecretStr("for-the-studio")
    assert keys["openai"] == SecretStr("sk-for-openai-alone")


def test_on_a_space_the_owners_token_is_used_only_where_the_settings_name_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_owner")

    def token(**own: str) -> SecretStr | None:
        registry = Registry(load_settings(providers={"huggingface": own}))
        provider = registry.get("huggingface")
        assert provider
        return provider.credential

    assert token() == SecretStr("hf_of_the_owner")
    monkeypatch.setenv("SPACE_ID", "someone/limner")
    assert token() is None
    assert token(api_key_env="HF_TOKEN") == SecretStr("hf_of_the_owner")
