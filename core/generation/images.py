"""Whether a model takes the pictures that a person sends, and which others do."""

from __future__ import annotations

from collections.abc import Iterable

from core.chat.failure import Rejected
from core.chat.picture import InputPicture
from core.chat.request import UserRequest
from core.plugins.provider import Provider
from limner import ImageWarning, ModelInfo, Size
from limner.formats import SVG
from limner.prepare import fits

_MOST_NAMED = 3
"""Models that a sentence names as alternatives."""


def usable_models(providers: Iterable[Provider]) -> list[tuple[Provider, ModelInfo]]:
    """Returns the listed models of the providers that can be used."""
    return [
        (provider, model)
        for provider in providers
        if not provider.lacks_credential
        for model in provider.info.models
    ]


def takes(model: ModelInfo, count: int, *, mask: bool) -> bool:
    """Whether a model takes this number of pictures, and a mask."""
    taken = model.images
    if taken is None:
        return not (count or mask)
    return taken.least <= count <= taken.most and (taken.mask or not mask)


def check_images(
    request: UserRequest, model: ModelInfo, providers: Iterable[Provider], max_bytes: int
) -> list[ImageWarning]:
    """Returns a warning for each picture that is converted; raises Rejected if the model does not take them.

    `max_bytes` is the most that all of them may have together.
    """
    count, taken = len(request.images), model.images
    if request.mask and not request.images:
        raise Rejected("A mask is for a picture: send the picture too, as the first one.")
    if not takes(model, count, mask=request.mask is not None):
        raise Rejected(_refusal(request, model, providers))
    if sum(picture.size for picture in request.pictures) > max_bytes:
        raise Rejected(
            f"The pictures have more than {max_bytes:,} bytes together: send fewer or smaller ones."
        )
    if request.mask and not _has_shape_of(request.mask, request.images[0]):
        sizes = f"the mask is {_size(request.mask)}, and image 1 {_size(request.images[0])}"
        raise Rejected(f"The shapes differ ({sizes}): make a mask of the shape of the picture.")
    warnings: list[ImageWarning] = []
    for number, picture in enumerate(request.images, 1):
        if picture.media_type == SVG:
            raise Rejected(f"Image {number} is an SVG drawing, which no model takes: leave it out.")
        if taken and not fits(picture.media_type, picture.size, taken):
            details = f"Converted to a form that {model.name} takes."
            warnings.append(ImageWarning(f"image_{number}", details, "other"))
    return warnings


def model_and_provider(provider: Provider, model: ModelInfo) -> str:
    """Returns a model's name, with the provider's if that is another."""
    return model.name if model.name == provider.label else f"{model.name} ({provider.label})"


def _refusal(request: UserRequest, model: ModelInfo, providers: Iterable[Provider]) -> str:
    count, taken = len(request.images), model.images
    if taken is None:
        problem = f"{model.name} takes no pictures"
    elif count > taken.most:
        problem = f"{model.name} takes {_pictures(taken.most)} at most, not {count}"
    elif count < taken.least:
        problem = f"{model.name} only edits, and needs {_pictures(taken.least)}"
    else:
        problem = f"{model.name} takes no mask"
    mask = request.mask is not None
    others = [other for other in usable_models(providers) if takes(other[1], count, mask=mask)]
    names = [model_and_provider(*other) for other in others[:_MOST_NAMED]]
    what = "add one" if taken and count < taken.least else f"leave {'it' if count < 2 else 'some'} out"
    return f"{problem}: choose {' or '.join(names)}, or {what}." if names else f"{problem}: {what}."


def _pictures(count: int) -> str:
    return "one picture" if count == 1 else f"{count} pictures"


def _has_shape_of(mask: InputPicture, picture: InputPicture) -> bool:
    """Whether the two have the same proportions, but for what rounding to whole pixels does."""
    off = abs(mask.width * picture.height - picture.width * mask.height)
    return off <= max(mask.width, mask.height, picture.width, picture.height)


def _size(picture: InputPicture) -> str:
    return Size(picture.width, picture.height).text
