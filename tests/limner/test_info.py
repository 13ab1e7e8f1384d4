"""What a provider may say of itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from limner import Credential, ModelInfo, Options, ProviderInfo, Size, SizeRange


def test_a_provider_is_described_in_one_line() -> None:
    info = ProviderInfo(label="Dots", models=[ModelInfo(id="dots-1", sizes=["512x512", "256x256"])])
    (model,) = info.models
    assert (model.name, model.default_size) == ("dots-1", Size(512, 512))
    assert (info.paid, info.credential, info.options_of(model)) == (False, None, Options)
    assert ModelInfo(id="a", sizes=SizeRange()).default_size == Size(1024, 1024)
    assert ModelInfo(id="a", label="A").name == "A"
    assert ModelInfo(id="a").default_size is None


def test_models_are_found_by_id_and_others_only_where_they_are_allowed() -> None:
    info = ProviderInfo(label="P", models=(ModelInfo(id="a"), ModelInfo(id="b")))
    assert [model and model.id for model in (info.model(None), info.model("b"), info.model("c"))] == [
        "a",
        "b",
        None,
    ]
    other = ProviderInfo(
        label="P", models=(ModelInfo(id="a"),), other_models=ModelInfo(id="any", label="Any", seed=True)
    )
    found = other.model("c")
    assert found is not None
    assert (found.id, found.name, found.seed) == ("c", "c", True)


class Own(Options):
    steps: int = 20
    """How many."""


def test_options_are_the_models_own_or_the_providers() -> None:
    info = ProviderInfo(label="P", models=(ModelInfo(id="a"), ModelInfo(id="b", options=Own)))
    assert [info.options_of(model) for model in info.models] == [Options, Own]
    assert Own.model_json_schema()["properties"]["steps"]["description"] == "How many."
    with pytest.raises(ValidationError):
        Own(stops=1)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValidationError):
        Own().steps = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": ()},
        {"label": ""},
        {"label": "x" * 81},
        {"models": (ModelInfo(id="a"), ModelInfo(id="a"))},
        {"colour": "red"},
    ],
)
def test_a_description_that_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProviderInfo(**{"label": "P", "models": (ModelInfo(id="a"),), **wrong})


@pytest.mark.parametrize("variable", ["", "lower", "1A", "A B", "A=B", "A\n", "LIMNER_KEY"])
def test_a_credential_names_a_variable(variable: str) -> None:
    with pytest.raises(ValidationError):
        Credential(variable=variable)
    with pytest.raises(ValidationError):
        Credential(variable="A", others=[variable])
    with pytest.raises(ValidationError):
        Credential(variable="A", optional_others=[variable])


def test_the_parts_of_a_credential_have_variables_of_their_own() -> None:
    parts = Credential(variable="A", others=["B"], optional_others=["C"])
    assert (parts.needed, parts.variables) == (("A", "B"), ("A", "B", "C"))
    with pytest.raises(ValidationError):
        Credential(variable="A", others=["A"])
