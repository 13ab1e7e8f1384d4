"""The pictures that a message is sent with, found by their names among those of its conversation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from core.chat.conversation import Conversation
from core.chat.failure import Rejected, Unavailable
from core.chat.picture import InputPicture
from core.chat.request import MAX_IMAGES
from core.parts import filename
from core.storage.database import StoreError
from core.storage.store import Store

log = logging.getLogger(__name__)


async def pictures_to_send(
    conversation: Conversation, store: Store, images: Sequence[str], mask: str | None
) -> dict[str, Any]:
    """Returns the fields of a request that hold its pictures; raises Rejected for another conversation's."""
    names = [*images, mask] if mask else [*images]
    if len(images) > MAX_IMAGES:
        raise Rejected(f"No model takes more than {MAX_IMAGES} pictures: leave some out.")
    known = _own_pictures(conversation, {*names})
    try:
        if unknown := {*names} - known.keys():
            brought = await store.uploads.of(conversation.id, unknown)
            known |= {picture.name: picture for picture in brought}
    except StoreError as error:
        log.error("The pictures of a conversation could not be read: %s", error)
        raise Unavailable("The pictures cannot be read right now: try again in a moment.") from error
    for number, name in enumerate(names):
        if name not in known or not await store.has(name):
            which = f"Image {number + 1}" if number < len(images) else "The mask"
            raise Rejected(f"{which} is not in this conversation, or not kept any more: add it again.")
    return {"images": tuple(known[name] for name in images), "mask": known[mask] if mask else None}


def _own_pictures(conversation: Conversation, names: set[str]) -> dict[str, InputPicture]:
    """Returns those of the named pictures that a conversation's messages were sent with, or have made."""
    own: dict[str, InputPicture] = {}
    for message in conversation if names else ():
        own |= {picture.name: picture for picture in message.request.pictures if picture.name in names}
        for version in message.pictures:
            picture = version.picture
            if picture and picture.name in names:
                own[picture.name] = InputPicture(**dict(picture), filename=filename(version))
    return own
