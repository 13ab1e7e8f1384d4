"""What the settings say of single models, and the sentence for what is wrong in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from core import SettingsError, open_studio
from core.chat.request import UserRequest
from core.generation.resolve import resolve
from core.generation.visitor import OWNER
from core.plugins.provider import Provider
from core.plugins.registry import Registry
from core.settings.schema import Settings, load_settings
from limner import ImageInputs, Price, Size, SizeRange, UsagePrice
from ui.page.controls import option_fields, size_choices

OPTIONS = {
    "steps": {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
        "default": 20,
        "label": "Steps",
        "help": "More take longer.",
    },
    "quality": {"choices": ["low", "high"]},
    "scale": {"choices": [0.5, 1, 2], "default": 1},
    "watermark": {"type": "boolean", "default": False},
}


def settings_of(*models: dict[str, Any], **more: Any) -> Settings:
    own = {"uses": "openai", "base_url": "http://127.0.0.1:9/v1", "model": models, **more}
    return load_settings(providers={"mine": own})


def configured(*models: dict[str, Any], **more: Any) -> Provider:
    registry = Registry(settings_of(*models, **more))
    assert registry.broken == []
    provider = registry.get("mine")
    assert provider
    return provider


def wrong(**model: Any) -> str:
    with pytest.raises(SettingsError) as error:
        settings_of({"id": "m", **model})
    return str(error.value).removeprefix("The setting providers.mine.model")


def test_facts_take_the_place_of_what_the_provider_says() -> None:
    provider = configured(
        {"id": "a", "label": "A", "sizes": ["512x512", "768x512"], "seed": False, "images": 3},
        {"id": "b", "sizes": {"step": 16, "max_side": 1024}, "images": {"most": 2, "mask": True}},
        {"id": "c", "images": 0, "negative_prompt": False, "options": {}},
    )
    a, b, c = provider.info.models
    assert (a.name, a.sizes, a.seed, a.negative_prompt) == (
        "A",
        (Size(512, 512), Size(768, 512)),
        False,
        True,
    )
    assert a.images == ImageInputs(most=3)
    assert b.sizes == SizeRange(step=16, max_side=1024)
    assert b.images == ImageInputs(most=2, mask=True)
    assert (c.images, c.negative_prompt, c.seed) == (None, False, True)
    assert list(provider.info.options_of(c).model_fields) == []
    assert "quality" in provider.info.options_of(a).model_fields
    assert provider.info.model("d") is None


def test_models_without_facts_come_first_if_they_are_listed_so() -> None:
    provider = configured({"id": "b", "label": "B"}, models=["a", "b"])
    assert [model.name for model in provider.info.models] == ["a", "B"]


def test_options_draw_the_controls_and_bind_a_request() -> None:
    provider = configured({"id": "m", "options": OPTIONS})
    fields = {
        field["name"]: field for field in option_fields(provider.info.options_of(provider.info.models[0]))
    }
    assert (fields["steps"]["label"], fields["steps"]["help"]) == ("Steps", "More take longer.")
    assert (fields["steps"]["least"], fields["steps"]["most"], fields["steps"]["initial"]) == (1, 50, "20")
    assert [word for _, word in fields["quality"]["choices"]] == ["Default", "low", "high"]
    assert [word for _, word in fields["scale"]["choices"]] == ["0.5", "1", "2"]
    assert fields["watermark"]["kind"] == "switch"

    settings = settings_of({"id": "m", "options": OPTIONS})
    registry = Registry(settings)
    request = UserRequest(prompt="x", provider="mine", options={"quality": "high", "scale": 0.5})
    sent = resolve(request, registry, settings, OWNER).image_request.options.model_dump()
    assert sent == {"steps": 20, "quality": "high", "scale": 0.5, "watermark": False}


def test_ratios_are_all_that_counts_of_a_size() -> None:
    settings = settings_of({"id": "m", "label": "M", "sizes": ["1:1", "16:9", "19.5:9"]})
    registry = Registry(settings)
    provider = registry.get("mine")
    assert provider
    choices = size_choices(provider.info.models[0])
    assert [(one["value"], one["name"], one["pixels"]) for one in choices] == [
        ("1:1", "1:1", ""),
        ("16:9", "16:9", ""),
        ("19.5:9", "19.5:9", ""),
    ]

    def size_of(size: str | None) -> tuple[str, list[str]]:
        plan = resolve(UserRequest(prompt="x", provider="mine", size=size), registry, settings, OWNER)
        assert plan.image_request.size
        return plan.image_request.size.proportions, [warning.details for warning in plan.warnings]

    assert size_of(None) == ("1:1", [])
    for size in ("19.5:9", "1950x900", "16:9", "1920x1080"):
        assert size_of(size)[1] == []
    assert size_of("1920x1080")[0] == "16:9"
    assert size_of("3:2") == ("16:9", ["16:9 instead of 3:2, the nearest size that M supports."])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"sise": 1}, ".sise is not a setting of Limner: did you mean sizes?"),
        ({"id": ""}, ".id must be text of at most 200 characters."),
        (
            {"sizes": ["16:9", "1x1"]},
            ".sizes must be sizes such as 1024x1024, or ratios such as 16:9, but not both.",
        ),
        (
            {"sizes": ["large"]},
            ".sizes must be sizes such as 1024x1024, or ratios such as 16:9, but not both.",
        ),
        ({"sizes": []}, ".sizes must be sizes such as 1024x1024, or ratios such as 16:9, but not both."),
        ({"sizes": {"stepp": 16}}, ".sizes must be a table of step, min_side, max_side, "),
        (
            {"sizes": {"min_side": 2000}},
            ".sizes must be correct: the default size 1024x1024 is outside of its own range.",
        ),
        ({"images": {"most": 99}}, ".images must be correct: most should be less than or equal to 16."),
        (
            {"images": "yes"},
            ".images must be a number of pictures, or a table such as { most = 3, mask = true }.",
        ),
        ({"seed": "perhaps"}, ".seed must be true or false."),
        ({"options": {"Big Steps": {"type": "text"}}}, ".options must be tables under the names of fields"),
        ({"options": {"prompt": {"type": "text"}}}, ".options must be tables under the names of fields"),
        ({"options": {"model_dump": {"type": "text"}}}, ".options must be tables under the names of fields"),
        ({"options": {"a": {}}}, ".options.a must be an option with a type (text, integer, number, boolean)"),
        (
            {"options": {"a": {"type": "int"}}},
            ".options.a.type must be one of text, integer, number, boolean.",
        ),
        (
            {"options": {"a": {"type": "text", "maximum": 2}}},
            ".options.a must be without minimum and maximum",
        ),
        (
            {"options": {"a": {"type": "number", "minimum": 2, "maximum": 1}}},
            ".options.a must be an option whose minimum is not above its maximum.",
        ),
        (
            {"options": {"a": {"type": "number", "minimum": 2, "default": 1}}},
            ".options.a must be an option with another default: greater than or equal to 2.",
        ),
        (
            {"options": {"a": {"choices": ["x"], "default": "y"}}},
            ".options.a must be an option with another default: 'x'.",
        ),
        ({"options": {"a": {"type": "number", "maximum": "3"}}}, ".options.a.maximum must be a number."),
        (
            {"options": {"a": {"type": "integer", "minimum": 1.5}}},
            ".options.a must be an option with bounds of its own type, such as whole numbers.",
        ),
        (
            {"options": {"a": {"type": "number", "maximum": 2**2000}}},
            ".options.a must be an option with bounds of its own type, such as whole numbers.",
        ),
        (
            {"options": {"a": {"type": "number", "maximum": math.nan}}},
            ".options.a.maximum must be a number.",
        ),
    ],
)
def test_what_is_wrong_stops_the_start_with_a_sentence(model: dict[str, Any], sentence: str) -> None:
    said = wrong(**model).removeprefix("providers.mine.model")
    assert said.startswith(sentence), said


def test_a_model_without_an_id_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^The setting providers\.mine\.model\.id must be set\.$"):
        settings_of({"label": "M"})


def test_the_same_model_twice_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Two tables of providers\.mine\.model have the same id"):
        open_studio(settings_of({"id": "a"}, {"id": "a"}).model_copy(update={"data_dir": tmp_path}))


def test_options_are_for_providers_that_send_on_what_they_get(tmp_path: Path) -> None:
    own = {"model": [{"id": "sketch-1", "options": OPTIONS}]}
    with pytest.raises(SettingsError, match="The provider sketch has options of its own: remove those of"):
        open_studio(load_settings(data_dir=tmp_path, providers={"sketch": own}))


def test_a_server_at_home_costs_nothing() -> None:
    assert configured(paid=False).info.paid is False
    assert configured().info.paid is True


def test_a_server_under_another_name_is_not_said_to_be_the_usual_one() -> None:
    assert configured().info.about == "Made by the server at 127.0.0.1."


def test_prices_take_the_place_of_those_that_are_known() -> None:
    by_quality = {"amount": "0.2 USD", "size": "1024x1024", "options": {"quality": "high"}}
    used = {"field": "output_tokens", "amount": "30 USD", "per": 1_000_000}
    provider = configured(
        {"id": "a", "price": "0.1 USD"},
        {"id": "b", "price": [by_quality, "0.3 USD"], "usage_price": used, "options": OPTIONS},
        {"id": "c", "usage_price": [{**used, "amount": "30 EUR"}]},
        {"id": "d"},
        price="0.4 USD",
    )
    a, b, c, d = provider.info.models
    assert a.prices == (Price(amount="0.1 USD"),)
    assert b.prices == (
        Price(amount="0.2 USD", size="1024x1024", options={"quality": "high"}),
        Price(amount="0.3 USD"),
    )
    assert b.usage_prices == (UsagePrice(field="output_tokens", amount="30 USD", per=1_000_000),)
    assert c.prices == (), "an estimate in another currency could not be corrected"
    assert c.usage_prices[0].amount.currency == "EUR"
    assert d.prices == (Price(amount="0.4 USD"),)


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("4 cents", ".price must be an amount and a currency, such as 0.04 USD."),
        (0.04, ".price must be an amount and a currency, such as 0.04 USD."),
        ([{"amount": "4"}], ".price must be correct: an amount and a currency, such as 0.04 USD."),
        ([{"size": "1024x1024"}], ".price must be correct: amount is required."),
        ([{"amount": "1 USD", "size": "big"}], ".price must be correct: 'big' is not a size such as"),
        (["1 USD", "1 EUR"], " must be priced in one currency."),
    ],
)
def test_a_wrong_price_is_named(price: Any, said: str) -> None:
    assert said in wrong(price=price)


def test_a_wrong_price_of_what_is_used_is_named() -> None:
    assert wrong(usage_price="1 USD").startswith(".usage_price must be correct: ")
    used = {"field": "tokens", "amount": "1 USD", "per": 0}
    assert "per should be greater than or equal to 1" in wrong(usage_price=[used])
    assert " must be priced in one currency." in wrong(price="1 EUR", usage_price={**used, "per": 1})


def test_a_price_by_an_option_that_the_model_does_not_have_stops_the_start() -> None:
    price = [{"amount": "1 USD", "options": {"qualty": "high"}}]
    with pytest.raises(SettingsError) as error:
        open_studio(settings_of({"id": "a", "price": price, "options": {"quality": OPTIONS["quality"]}}))
    assert str(error.value) == (
        "A price in providers.mine.model names the option qualty of a, which does not exist: "
        "its options are quality."
    )
