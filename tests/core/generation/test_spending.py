"""What a picture costs is reserved before it is made, corrected after, and given back if it did not run."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.chat.failure import Rejected
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation.visitor import OWNER, Visitor
from core.settings.schema import Settings
from core.storage.database import Hit
from core.storage.store import Store
from core.studio import Studio
from limner import (
    CancelConfirmed,
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ModelInfo,
    Options,
    ProviderError,
    hookimpl,
)
from tests.core.scripted import (
    CONVERSATION,
    NEEDS_KEY,
    PNG,
    Gate,
    Play,
    ScriptedProvider,
    ask,
    at_once,
    settled,
)
from tests.core.scripted import studio_of as studio_at
from tests.plugins.objects import registry_of
from tests.ui.http.client import MESSAGES, open_client

pytestmark = pytest.mark.anyio

PRICED: dict[str, Any] = {
    "paid": True,
    "model": {
        "prices": ["0.40 USD"],
        "usage_prices": [{"field": "tokens", "amount": "10 USD", "per": 100}],
    },
}


def failing(error: Exception) -> Play:
    async def fail(_: ImageRequest) -> ImageResult:
        raise error

    return fail


async def uses_two_tokens(_: ImageRequest) -> ImageResult:
    return ImageResult(PNG, usage={"tokens": 2})


def of_budget(hits: list[Hit]) -> list[str | None]:
    return [hit.cost for hit in hits if hit.key == "budget"]


async def spent(folder: Path) -> list[str | None]:
    """Returns what counts in money after a restart."""
    store = Store(folder)
    await store.close()
    return of_budget(store.hits)


async def test_the_estimate_is_reserved_and_then_corrected_to_what_the_service_used(tmp_path: Path) -> None:
    gate = Gate(uses_two_tokens)
    async with studio_at(tmp_path, ScriptedProvider(gate, **PRICED), budget="0.60 USD/day") as studio:
        conversation = await studio.conversation(CONVERSATION)
        first = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        assert first.main.provenance.cost == "0.40 USD"
        assert await spent(tmp_path) == ["0.40 USD"], "a process that is killed now has perhaps paid for it"
        with pytest.raises(Rejected, match=r"0\.20 USD left, and this costs about 0\.40 USD"):
            await ask(studio)
        gate.open.set()
        version = await settled(conversation, first)
        assert (version.provenance.cost, version.provenance.cost_from_usage) == ("0.20 USD", True)
        await ask(studio)
    assert await spent(tmp_path) == ["0.20 USD", "0.20 USD"]


@pytest.mark.parametrize("usage", [{}, {"tokens": "2"}, {"tokens": -2}, {"seconds": 2}])
async def test_without_a_usable_report_the_estimate_stays(tmp_path: Path, usage: dict[str, Any]) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, usage=usage)

    async with studio_at(tmp_path, ScriptedProvider(play, **PRICED), budget="0.60 USD/day") as studio:
        *_, version = await ask(studio)
        assert (version.provenance.cost, version.provenance.cost_from_usage) == ("0.40 USD", False)
    assert await spent(tmp_path) == ["0.40 USD"]


async def test_a_picture_that_cannot_be_used_has_cost_what_the_service_said(tmp_path: Path) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(b"no picture", usage={"tokens": 3})

    async with studio_at(tmp_path, ScriptedProvider(play, **PRICED), budget="0.60 USD/day") as studio:
        *_, version = await ask(studio)
        assert version.status == "incomplete"
    assert await spent(tmp_path) == ["0.30 USD"]


NONE_FREE: dict[str, Any] = {"providers": {"sketch": {"enabled": False}}}
"""Nothing stands in for what the owner does not pay."""
DID_NOT_RUN = ProviderError("rate-limit", did_not_run=True)


@pytest.mark.parametrize("budget", ["0.40 USD/day", "1/day"])
@pytest.mark.parametrize(
    ("error", "given_back"),
    [
        (DID_NOT_RUN, True),
        (ProviderError("rate-limit"), False),
        (ProviderError("timeout"), False),
        (ProviderError("unavailable", was_cancelled=True), False),
        (ContentFiltered("no"), False),
        (RuntimeError("crash"), False),
    ],
)
async def test_it_is_given_back_only_where_the_request_certainly_did_not_run(
    tmp_path: Path, budget: str, error: Exception, given_back: bool
) -> None:
    scripted = ScriptedProvider(failing(error), **PRICED)
    async with studio_at(tmp_path, scripted, budget=budget, visitor_budget=budget) as studio:
        *_, version = await ask(studio)
        assert version.failure
        scripted.play = at_once
        if given_back:
            *_, version = await ask(studio)
            assert version.picture
        with pytest.raises(Rejected, match=r"budget of .+ is used up"):
            await ask(studio)
    assert await spent(tmp_path) == ["0.40 USD"]


async def test_one_try_that_ran_is_not_given_back_by_those_before_it(tmp_path: Path) -> None:
    tries = [DID_NOT_RUN, ProviderError("timeout")]

    async def play(_: ImageRequest) -> ImageResult:
        raise tries.pop(0)

    settings = {"budget": "9 USD/day", "max_retries": 1}
    async with studio_at(tmp_path, ScriptedProvider(play, **PRICED), **settings) as studio:
        await ask(studio)
    assert tries == []
    assert await spent(tmp_path) == ["0.40 USD"]


async def test_a_key_that_is_missing_costs_nothing(tmp_path: Path) -> None:
    scripted = ScriptedProvider(**PRICED, credential=NEEDS_KEY["credential"])
    async with studio_at(tmp_path, scripted, budget="0.40 USD/day") as studio:
        for _ in range(3):
            *_, version = await ask(studio)
            assert version.failure
            assert version.failure.cause == "no-credential"
    assert await spent(tmp_path) == []


async def test_stop_gives_back_what_the_provider_had_not_been_asked_for(tmp_path: Path) -> None:
    """While it waits to be sent again; not once the provider has it, whatever the service confirms."""

    async def confirm(_: ImageRequest) -> ImageResult:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CancelConfirmed from None
        raise AssertionError("nobody wakes it")

    reached = asyncio.Event()
    scripted = ScriptedProvider(
        failing(ProviderError("rate-limit", did_not_run=True, retry_after=30)), **PRICED
    )
    async with studio_at(tmp_path, scripted, budget="9 USD/day", max_retries=1) as studio:
        conversation = await studio.conversation(CONVERSATION)
        waiting = await studio.start(conversation, UserRequest(prompt="a fox"))
        rev = 0
        while "trying again in" not in waiting.live[1].progress:
            await conversation.changes(rev)
            rev = waiting.rev
        studio.stop(waiting)
        assert (await settled(conversation, waiting)).reason == "cancelled"
        assert await spent(tmp_path) == []
        scripted.play = confirm
        stopped = await studio.start(conversation, UserRequest(prompt="a fox"))
        await reached.wait()
        studio.stop(stopped)
        assert (await settled(conversation, stopped)).reason == "cancelled"
    assert await spent(tmp_path) == ["0.40 USD"]


class Cache:
    """A middleware that has the picture already."""

    @hookimpl
    def wrap(self, generate: Any) -> Any:
        async def cached(_: ImageRequest) -> ImageResult:
            return ImageResult(PNG, usage={"tokens": 9})

        return cached


async def test_what_a_middleware_has_already_costs_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, provider="scripted", budget="0.40 USD/day")
    scripted = ScriptedProvider(**PRICED)
    studio = Studio(
        settings, registry_of(settings=settings, scripted=scripted, cache=Cache()), Store(tmp_path)
    )
    for _ in range(2):
        *_, version = await ask(studio)
        assert version.picture
        assert (version.provenance.cost, version.provenance.cost_from_usage) == (None, False)
    await studio.close()
    assert scripted.requests == []
    assert await spent(tmp_path) == []


@pytest.mark.parametrize(("second", "maker"), [("0.50 USD", "third"), ("0.30 USD", "second")])
async def test_a_fallback_takes_its_own_price_in_place_of_that_of_the_one_before(
    tmp_path: Path, second: str, maker: str
) -> None:
    """One that is too expensive for what is left is passed over."""
    prices = {"first": "0.40 USD", "second": second, "third": "0.35 USD"}
    providers = {
        name: ScriptedProvider(
            failing(DID_NOT_RUN) if name == "first" else at_once, paid=True, model={"prices": [price]}
        )
        for name, price in prices.items()
    }
    settings = Settings(
        data_dir=tmp_path,
        provider="first",
        fallback=("second", "third"),
        budget="0.40 USD/day",
        max_retries=0,
    )
    studio = Studio(settings, registry_of(settings=settings, **providers), Store(tmp_path))
    *_, version = await ask(studio)
    assert (version.provenance.provider, version.provenance.cost) == (maker, prices[maker])
    await studio.close()
    assert await spent(tmp_path) == [prices[maker]]


async def test_requests_at_the_same_moment_never_go_beyond_it_together(tmp_path: Path) -> None:
    gate = Gate()
    settings: dict[str, Any] = {"budget": "4 USD/day", "visitor_budget": "2 USD/day", "max_in_flight": 50}
    async with studio_at(tmp_path, ScriptedProvider(gate, **PRICED), **settings, **NONE_FREE) as studio:

        async def try_it(number: int) -> Version | None:
            conversation = await studio.conversation(f"{number:032x}")
            visitor = Visitor("greedy" if number % 2 else str(number))
            try:
                message = await studio.start(conversation, UserRequest(prompt="a fox"), visitor=visitor)
            except Rejected:
                return None
            return await settled(conversation, message)

        tries = [asyncio.create_task(try_it(number)) for number in range(40)]
        await gate.reached.wait()
        gate.open.set()
        made = [version for version in await asyncio.gather(*tries) if version]
    assert len(made) == 10
    assert len(await spent(tmp_path)) == 10


class Quality(Options):
    quality: str = "low"


async def test_a_message_of_several_models_is_reckoned_by_size_and_options_of_each(tmp_path: Path) -> None:
    sized = {"prices": [{"amount": "0.10 USD", "size": "512x512"}, {"amount": "1 USD", "per": "megapixel"}]}
    priced = [
        {"amount": "0.2 USD", "options": {"quality": "high"}},
        {"amount": "0.01 USD", "options": {"quality": "low"}},
    ]
    providers = {
        "sized": ScriptedProvider(paid=True, model=sized),
        "optional": ScriptedProvider(paid=True, model={"options": Quality, "prices": priced}),
        "ratio": ScriptedProvider(paid=True, model={**sized, "sizes": ["1000x1000"], "ratio_only": True}),
        "free": ScriptedProvider(model={}),
        "unknown": ScriptedProvider(paid=True),
    }
    settings = Settings(data_dir=tmp_path, provider="sized", budget="1 USD/day")
    studio = Studio(settings, registry_of(settings=settings, **providers), Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)

    def of(provider: str, **asked: Any) -> UserRequest:
        return UserRequest(prompt="a fox", provider=provider, **asked)

    small, large = of("sized", size="512x512"), of("sized", size="1000x1000")
    best, usual, other = (of("optional", options={"quality": name}) for name in ("high", "low", "medium"))
    for requests, price in (
        ([small], "0.10 USD"),
        ([large, small, best], "1.30 USD"),
        ([of("optional"), usual, of("free")], "0.02 USD"),
        ([of("free")], ""),
        ([other], ""),
        ([small, of("unknown")], ""),
        ([of("ratio")], ""),
    ):
        assert await studio.price(conversation, *requests) == price
    with pytest.raises(Rejected, match=r"This costs about 1\.30 USD, more than the budget of 1 USD per day"):
        await studio.start(conversation, large, small, best)
    with pytest.raises(Rejected, match=r"the owner has set no price for p-1 \(providers.unknown.price\)"):
        await studio.start(conversation, small, of("unknown"))
    message = await studio.start(conversation, small, best, of("free"))
    await settled(conversation, message)
    assert [version.provenance.cost for version in message.versions] == ["0.10 USD", "0.2 USD", None]
    await studio.close()
    assert sorted(filter(None, await spent(tmp_path))) == ["0.10 USD", "0.2 USD"]


async def test_the_price_of_the_settings_goes_before_what_the_provider_declares(tmp_path: Path) -> None:
    providers: Any = {"scripted": {"price": "0.07 USD"}}
    scripted = ScriptedProvider(uses_two_tokens, other_models=ModelInfo(id="any", prices=()), **PRICED)
    async with studio_at(tmp_path, scripted, budget="9 USD/day", providers=providers) as studio:
        *_, version = await ask(studio)
        assert (version.provenance.cost, version.provenance.cost_from_usage) == ("0.07 USD", False)
        *_, version = await ask(studio, model="another")
        assert version.provenance.cost == "0.07 USD"
    tables: Any = [
        {"id": "p-1", "usage_price": {"field": "tokens", "amount": "1 USD"}},
        {"id": "new", "price": ["0.03 USD"]},
        {"id": "plain"},
    ]
    providers["scripted"]["model"] = tables
    async with studio_at(tmp_path, scripted, budget="9 USD/day", providers=providers) as studio:
        made = [(await ask(studio, model=model))[2].provenance for model in ("p-1", "new", "plain")]
        assert [one.cost for one in made] == ["2 USD", "0.03 USD", "0.07 USD"]
        assert [one.cost_from_usage for one in made] == [True, False, False]


async def test_a_server_under_another_name_does_not_cost_what_the_usual_service_does(tmp_path: Path) -> None:
    mine: dict[str, Any] = {"uses": "scripted", "base_url": "http://127.0.0.1:9"}
    for price, cost in ((None, None), ("0.01 USD", "0.01 USD")):
        providers: Any = {"mine": {**mine, "price": price}}
        scripted = ScriptedProvider(uses_two_tokens, **PRICED)
        async with studio_at(tmp_path, scripted, provider="mine", providers=providers) as studio:
            *_, version = await ask(studio)
            assert (version.provenance.cost, version.provenance.cost_from_usage) == (cost, False)


async def test_a_picture_with_a_price_costs_money_whatever_the_provider_says(tmp_path: Path) -> None:
    providers: Any = {"scripted": {"price": "0.07 USD"}, **NONE_FREE["providers"]}
    async with studio_at(tmp_path, ScriptedProvider(), providers=providers) as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match="has set no budget for visitors"):
            await studio.start(conversation, UserRequest(prompt="a fox"), visitor=Visitor("other"))
        *_, version = await ask(studio)
        assert version.provenance.paid
    async with studio_at(
        tmp_path, ScriptedProvider(paid=True), budget="1 USD/day", providers={"scripted": {"price": "0 USD"}}
    ) as studio:
        for _ in range(3):
            await ask(studio, seed=None)


async def test_every_way_of_asking_over_http_stands_under_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"budget": "0.80 USD/day", "visitor_budget": "0.40 USD/day"}
    sentence = "Your budget of 0.40 USD per day is used up: try again in 24 hours, or choose a free provider."
    async with open_client(tmp_path, ScriptedProvider(**PRICED), **settings, **NONE_FREE) as (client, studio):
        reckoned = await client.post(MESSAGES.replace("messages", "price"), json={})
        assert reckoned.json() == {"price": "0.40 USD"}
        made = await client.post("/api/image", json={"prompt": "a fox"})
        assert made.json()["metadata"]["cost"] == "0.40 USD"
        for path in ("/api/image", MESSAGES):
            refused = await client.post(path, json={"prompt": "a fox"})
            assert (refused.status_code, refused.json()["error"]) == (429, sentence)
            assert refused.headers["retry-after"]
        call = {"data": ["a fox"], "fn_index": 0, "session_hash": "mine"}
        assert (await client.post("/gradio_api/queue/join", json=call)).status_code == 200
        assert sentence in (await client.get("/gradio_api/queue/data?session_hash=mine")).text
        conversation = await studio.conversation("1" * 32)
        message = await studio.start(conversation, UserRequest(prompt="a fox"), visitor=OWNER)
        await settled(conversation, message)
        with pytest.raises(Rejected, match=r"0\.80 USD per day is used up"):
            await studio.regenerate(conversation, message, visitor=Visitor("third"))


class Claims:
    """A middleware that says of every picture that it did not run, whatever the provider did."""

    @hookimpl
    def wrap(self, generate: Any) -> Any:
        async def claim(request: ImageRequest) -> ImageResult:
            with suppress(ProviderError):
                await generate(request)
            raise ProviderError("unavailable", retry_after=0, did_not_run=True)

        return claim


class TriesTwice:
    """A middleware that asks again by itself after any failure."""

    @hookimpl
    def wrap(self, generate: Any) -> Any:
        async def again(request: ImageRequest) -> ImageResult:
            try:
                return await generate(request)
            except ProviderError:
                return await generate(request)

        return again


@pytest.mark.parametrize(
    ("middleware", "errors", "calls", "cost"),
    [
        (Claims(), [], 1, ["0.40 USD"]),
        (Claims(), [ProviderError("timeout")], 1, ["0.40 USD"]),
        (Claims(), [DID_NOT_RUN, DID_NOT_RUN], 2, []),
        (TriesTwice(), [ProviderError("timeout"), DID_NOT_RUN], 2, ["0.40 USD"]),
        (TriesTwice(), [DID_NOT_RUN, ProviderError("timeout")], 2, ["0.40 USD"]),
    ],
)
async def test_what_a_middleware_says_does_not_undo_what_the_provider_has_done(
    tmp_path: Path, middleware: Any, errors: list[Exception], calls: int, cost: list[str]
) -> None:
    """Such a request is neither sent again nor given back."""

    async def play(_: ImageRequest) -> ImageResult:
        if errors:
            raise errors.pop(0)
        return ImageResult(PNG)

    settings = Settings(data_dir=tmp_path, provider="scripted", budget="9 USD/day", max_retries=1)
    scripted = ScriptedProvider(play, **PRICED)
    registry = registry_of(settings=settings, scripted=scripted, middleware=middleware)
    studio = Studio(settings, registry, Store(tmp_path))
    *_, version = await ask(studio)
    assert version.failure
    await studio.close()
    assert len(scripted.requests) == calls
    assert await spent(tmp_path) == cost


@pytest.mark.parametrize(
    "prices",
    [
        {"prices": [{"amount": "0.40 USD", "size": "512x512"}]},
        {"prices": [{"amount": "0 USD", "size": "512x512"}, {"amount": "9 USD", "size": "2048x2048"}]},
        {"usage_prices": [{"field": "tokens", "amount": "10 USD", "per": 100}]},
        {"prices": ["0 USD"], "usage_prices": [{"field": "tokens", "amount": "10 USD", "per": 100}]},
    ],
)
async def test_a_model_with_prices_costs_money_where_none_of_them_fits(
    tmp_path: Path, prices: dict[str, Any]
) -> None:
    async with studio_at(tmp_path, ScriptedProvider(model=prices)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match="has set no budget for visitors"):
            await studio.start(conversation, UserRequest(prompt="a fox"), visitor=Visitor("other"))
