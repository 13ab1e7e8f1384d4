"""What pictures cost stands beside Create before they are asked for, and beneath them after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.serving import Serving
from tests.ui.chat import Chat, picture_file
from tests.ui.page.test_reuse import use
from tests.ui.page.test_several import choose_count
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser

PLUGIN = """
from typing import Literal

from limner import ImageInputs, ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, hookimpl
from limner_shapes.shapes import picture


class Quality(Options):
    quality: Literal["low", "high"] = "low"
    title: str = ""


PRICES = [
    {"amount": "0.40 USD", "size": "1536x1024", "options": {"quality": "high"}},
    {"amount": "0.25 USD", "options": {"quality": "high"}},
    {"amount": "0.05 USD", "size": "1024x1024"},
]
USED = [{"field": "tokens", "amount": "20 USD", "per": 1_000_000}]


@hookimpl
def describe() -> ProviderInfo:
    table = dict(sizes=["1024x1024", "1536x1024"], options=Quality, prices=PRICES, images=ImageInputs())
    table = ModelInfo(id="table", label="Table", **table)
    plain = ModelInfo(id="plain", label="Plain", prices=["0.03 USD"], usage_prices=USED)
    return ProviderInfo(label="Priced", paid=True, models=[table, plain])


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    usage = {"tokens": 2086} if request.model == "plain" else {}
    return ImageResult(picture(set(), 0, request.size), usage=usage)
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory, with_shapes: dict[str, str]) -> dict[str, str]:
    """Returns the variables under which the app finds a provider with prices."""
    site = tmp_path_factory.mktemp("priced")
    (site / "limner_priced.py").write_text(PLUGIN, "utf-8")
    installed = site / "limner_priced-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: limner-priced\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text("[limner]\npriced = limner_priced\n")
    path = f"{with_shapes['PYTHONPATH']}:{site}"
    return {**with_shapes, "PYTHONPATH": path, "LIMNER_PROVIDER": "priced", "LIMNER_BUDGET": "1 USD/day"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("serving")
    serving = WarmServing(folder, {**variables, "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


@pytest.fixture
def priced(serving: Serving, page: Page) -> Chat:
    return Chat(page, serving.url)


def price(chat: Chat) -> Locator:
    return chat.page.locator("#limner-price")


def test_the_price_follows_model_size_options_and_number(priced: Chat) -> None:
    expect(price(priced)).to_have_text("0.05 USD")
    choose_count(priced, 3)
    expect(price(priced)).to_have_text("0.15 USD")
    priced.choose("Size", "3:2")
    unknown = priced.page.get_by_text("Each picture costs money.")
    expect(unknown).to_be_visible()
    expect(price(priced)).to_be_empty()
    priced.options()
    priced.choose("Quality", "high")
    expect(price(priced)).to_have_text("1.20 USD")
    expect(unknown).to_have_count(0)
    priced.page.keyboard.press("Escape")
    priced.reload()
    expect(price(priced)).to_have_text("1.20 USD")
    priced.choose("Model", "Plain")
    expect(price(priced)).to_have_text("0.03 USD")
    priced.choose("Provider", "Shapes")
    expect(price(priced)).to_be_empty()
    expect(unknown).to_be_visible()


def test_a_comparison_costs_what_each_of_its_models_does(priced: Chat) -> None:
    priced.count.click()
    compare = priced.page.get_by_role("group", name="Compare with")
    compare.get_by_label("Plain").check()
    expect(price(priced)).to_have_text("0.08 USD")
    compare.get_by_label("Shapes One").check()
    expect(price(priced)).to_be_empty()


def test_an_edit_costs_what_a_picture_of_its_shape_does(priced: Chat) -> None:
    """Without a chosen size the first picture decides, as it does when the prompt is sent."""
    expect(price(priced)).to_have_text("0.05 USD")
    priced.options()
    priced.choose("Quality", "high")
    expect(price(priced)).to_have_text("0.25 USD")
    priced.page.keyboard.press("Escape")
    priced.add(picture_file("wide.png", "teal", (150, 100)))
    expect(price(priced)).to_have_text("0.40 USD")


def test_beneath_the_picture_stands_an_estimate_or_what_the_service_used(priced: Chat) -> None:
    estimated = priced.ask("A boat")
    expect(estimated.locator(".limner-details")).to_contain_text("· about 0.05 USD")
    priced.choose("Model", "Plain")
    exact = priced.ask("A fox")
    expect(exact.locator(".limner-details")).to_contain_text("· 0.0417 USD")
    for answer, said in (
        (estimated, "about 0.05 USD, by the price of the model"),
        (exact, "0.0417 USD, by what the service used"),
    ):
        use(priced, answer, "Details")
        expect(priced.page.get_by_role("row", name=f"Cost {said}")).to_be_visible()
        priced.page.keyboard.press("Escape")


def test_what_the_budget_does_not_allow_comes_back_with_what_is_left(
    serve: Callable[..., Serving], variables: dict[str, str], page: Page
) -> None:
    priced = Chat(page, serve(**variables).url)
    priced.options()
    priced.choose("Quality", "high")
    priced.page.keyboard.press("Escape")
    priced.choose("Size", "3:2")
    for prompt in ("A boat", "A fox"):
        priced.ask(prompt)
    priced.prompt.fill("A third")
    priced.create.click()
    expect(priced.error).to_contain_text(
        "The budget of 1 USD per day has 0.20 USD left, and this costs about 0.40 USD: try again in 24 hours"
    )
    expect(priced.prompt).to_have_value("A third")


def test_only_the_answer_to_the_last_choice_is_shown(priced: Chat) -> None:
    held: list[Route] = []
    expect(price(priced)).to_have_text("0.05 USD")
    priced.page.route("**/price", lambda route: route.fallback() if held else held.append(route))
    priced.options()
    with priced.page.expect_request("**/price"):
        priced.choose("Quality", "high")
    priced.choose("Quality", "low")
    expect(price(priced)).to_be_empty()
    with priced.page.expect_response("**/price"):
        held[0].fulfill(json={"price": "0.25 USD"})
    expect(price(priced)).to_have_text("0.05 USD")
