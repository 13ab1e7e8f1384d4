"""Fields of a body as the settings write them, with placeholders for what a request has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from limner import InputImage

OF_A_PICTURE = frozenset({"uri", "base64"})
_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
_READ: dict[str, Callable[[InputImage], str]] = {
    "uri": lambda image: image.data_uri,
    "base64": lambda image: image.base64,
}
_NOTHING: Any = object()

Table: TypeAlias = "Mapping[str, Any]"


def placeholders_in(template: Any) -> frozenset[str]:
    """Returns the names of all placeholders in a template."""
    if isinstance(template, str):
        return frozenset(_PLACEHOLDER.findall(template))
    if isinstance(template, Mapping | list):
        return frozenset().union(*map(placeholders_in, _elements(template)))
    return frozenset()


def filled(template: Table, values: Table, images: Sequence[InputImage] = ()) -> dict[str, Any]:
    """Returns a table with values in the place of its placeholders.

    A text that is one placeholder alone becomes the value itself. A field, or an element of a list, whose
    placeholder has no value is left out, and so is what becomes empty by that. An element of a list with a
    placeholder of a picture is repeated for each; outside of a list the first picture alone counts.
    """
    whole = _fill(template, values, images)
    return {} if whole is _NOTHING else whole


def takes_several(template: Any) -> bool:
    """Whether a template has a list for the pictures, and not one place alone."""
    if isinstance(template, list):
        return bool(OF_A_PICTURE & placeholders_in(template))
    return isinstance(template, Mapping) and any(map(takes_several, _elements(template)))


def merged(one: Table, other: Table) -> dict[str, Any]:
    """Returns both tables as one; where both have a field the other's counts, and tables are merged again."""
    whole = dict(one)
    for name, value in other.items():
        before = whole.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        whole[name] = merged(cast(Table, before), cast(Table, value)) if both else value
    return whole


def _elements(template: Any) -> list[Any]:
    return list(template.values() if isinstance(template, Mapping) else template)


def _fill(template: Any, values: Table, images: Sequence[InputImage]) -> Any:
    if isinstance(template, str):
        return _fill_text(template, values, images)
    if not template or not isinstance(template, Mapping | list):
        return template
    if isinstance(template, Mapping):
        fields = cast(Table, template).items()
        table = {name: _fill(value, values, images) for name, value in fields}
        return {name: value for name, value in table.items() if value is not _NOTHING} or _NOTHING
    elements: list[Any] = []
    for element in cast("list[Any]", template):
        if _is_of_one_picture(element):
            elements += [_fill(element, values, [image]) for image in images]
        else:
            elements.append(_fill(element, values, images))
    return [element for element in elements if element is not _NOTHING] or _NOTHING


def _is_of_one_picture(element: Any) -> bool:
    """Whether an element of a list has a placeholder of a picture that is in no list inside of it."""
    if isinstance(element, Mapping):
        return any(map(_is_of_one_picture, _elements(element)))
    return isinstance(element, str) and bool(OF_A_PICTURE & placeholders_in(element))


def _fill_text(template: str, values: Table, images: Sequence[InputImage]) -> Any:
    names = placeholders_in(template)
    of_pictures = {name: _READ[name](images[0]) for name in names & OF_A_PICTURE} if images else {}
    known = {name: values[name] for name in names if values.get(name) is not None} | of_pictures
    if names - known.keys():
        return _NOTHING
    whole = _PLACEHOLDER.fullmatch(template)
    return known[whole[1]] if whole else _PLACEHOLDER.sub(lambda found: str(known[found[1]]), template)
