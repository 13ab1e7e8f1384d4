"""The fields of a request: OpenAI's own, the options of the model, and a few of this server's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.studio import Studio
from limner import ImageWarning, Options
from limner.options import field_names
from ui.http.gateway.errors import Refused
from ui.http.gateway.models import Offer, find_offer

MOST = 10
"""Pictures of one request, as OpenAI has it."""
_USUAL: dict[str, tuple[object, ...]] = {
    "quality": ("auto", "standard"),
    "style": ("auto", "vivid"),
    "background": ("auto",),
    "moderation": ("auto",),
    "output_format": ("auto", "png"),
    "output_compression": (100,),
    "input_fidelity": ("low",),
    "complexity": (),
    "frame_count": (),
    "frame_duration_ms": (),
    "svg": (),
}
"""The options of OpenAI's models, with the values that mean that nobody chose; clients send them blindly."""
_IGNORED = ("user", "safety_identifier", "partial_images")
"""What changes nothing here: the final picture may come before all partial ones, and so before the first."""


@dataclass(frozen=True)
class Wanted:
    """What a client asks for."""

    request: UserRequest
    count: int
    form: Literal["b64_json", "url"]
    is_streamed: bool
    left_out: tuple[ImageWarning, ...]
    """The options of OpenAI's that the model does not have."""


def read_fields(values: dict[str, Any], studio: Studio, visitor: Visitor) -> Wanted:
    """Reads the fields of a request and empties them; raises Refused, and Rejected.

    A field that is an option of the model is that option. One of OpenAI's that the model does not have is
    left out, with a warning unless it has its usual value; any other is refused.
    """
    prompt, model, size = (values.pop(name, None) for name in ("prompt", "model", "size"))
    if prompt is None:
        raise Refused(
            "The prompt is missing: describe the picture that you want.",
            "prompt",
            "missing_required_parameter",
        )
    if model is not None and not isinstance(model, str):
        raise Refused("The model must be text, such as an id of GET /v1/models.", "model")
    offer = find_offer(studio, visitor, model)
    count, form, is_streamed = _count(values, studio), _form(values), values.pop("stream", None)
    if not isinstance(is_streamed, bool | None):
        raise Refused("The field stream must be true or false.", "stream")
    options, left_out = _options(values, offer)
    asked = {name: values.pop(name, None) for name in ("seed", "negative_prompt")}
    for name in _IGNORED:
        values.pop(name, None)
    if values:
        name = min(values)
        raise Refused(f"Unknown parameter: {name[:100]!r}.", name[:100], "unknown_parameter")
    request = UserRequest(
        prompt=prompt,
        provider=offer.provider.name,
        model=offer.model.id,
        size=None if size in ("auto", "") else size,
        options=options,
        **asked,
    )
    return Wanted(request, count, form, bool(is_streamed), tuple(left_out))


def _count(values: dict[str, Any], studio: Studio) -> int:
    most = min(MOST, studio.settings.max_in_flight)
    count = values.pop("n", None)
    count = 1 if count is None else count
    if type(count) is not int or not 1 <= count <= most:
        raise Refused(f"The field n, how many pictures, must be a whole number from 1 to {most}.", "n")
    return count


def _form(values: dict[str, Any]) -> Literal["b64_json", "url"]:
    form = values.pop("response_format", None)
    form = "b64_json" if form is None else form
    if form not in ("b64_json", "url"):
        raise Refused("The field response_format must be b64_json or url.", "response_format")
    return form


def _options(values: dict[str, Any], offer: Offer) -> tuple[Any, list[ImageWarning]]:
    """Takes the options out of the fields; raises nothing, since the studio checks them all."""
    declared = offer.provider.info.options_of(offer.model)
    options: Any = values.pop("options", None)
    options = {} if options is None else options
    if not isinstance(options, dict):
        return options, []  # which no request takes
    left_out: list[ImageWarning] = []
    for name in [*values]:
        is_declared = name in field_names(declared) and name not in ("seed", "negative_prompt")
        value, usual = values[name], _USUAL.get(name)
        if usual is None and not is_declared:
            continue
        del values[name]
        is_usual = value is None or value == "" or value in (usual or ())
        if is_declared and not (is_usual and not _takes(declared, name, value)):
            options = {name: value, **options}
        elif not is_usual:
            words = name.replace("_", " ")
            left_out.append(ImageWarning(name, f"{offer.model.name} takes no {words}; it was left out."))
    return options, left_out


def _takes(declared: type[Options], name: str, value: object) -> bool:
    """Whether a model's option has a value; a plugin's own check may raise anything."""
    try:
        declared.model_validate({name: value})
    except Exception:
        return False
    return True
