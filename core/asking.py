"""What a program asks for, whichever way it comes: pictures in a conversation of their own, in no list."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.chat.conversation import NOBODY, Conversation
from core.chat.failure import Rejected
from core.chat.message import Message, Version
from core.chat.picture import InputPicture
from core.chat.request import MAX_IMAGES, UserRequest
from core.generation.credentials import needs_own, takes_sign_in
from core.generation.resolve import check_length
from core.generation.visitor import Visitor
from core.plugins.provider import Provider
from core.studio import Studio

TOO_MANY_IMAGES = f"A request takes {MAX_IMAGES} images and one mask at most: leave some out."
MAX_BODY = 1_000_000
"""Bytes without pictures; a prompt of the greatest length that can be set fits, however it is escaped."""

_IN_TEXT = re.compile(r"data:image/|https://", re.IGNORECASE)


@dataclass(frozen=True)
class SentPicture:
    """A picture that comes with a request."""

    image: bytes | str
    """The bytes of a file, a ``data:`` URI, or an https link."""
    filename: str = ""
    called: str = ""
    """What a refusal calls it, such as its file's name; Image 1 and so on if empty."""

    @classmethod
    def of(cls, image: object, filename: object = "", called: str = "") -> SentPicture | None:
        """Returns the picture that a ``data:`` URI holds or a link leads to; None if the value is neither."""
        if not (isinstance(image, str) and _IN_TEXT.match(image)):
            return None
        if not image.isascii() and len(image) >= 10_000:  # no URI, and slow to look through
            return None
        return cls(image, filename[:400] if isinstance(filename, str) else "", called)


@dataclass(frozen=True)
class Asked:
    """What a program has asked for, and where it is being made."""

    conversation: Conversation
    message: Message

    async def settled(self) -> list[Version]:
        """Waits until all pictures have settled, and returns the version of each."""
        await self.conversation.settled(self.message)
        return self.message.versions


async def ask(
    studio: Studio,
    request: UserRequest,
    *,
    count: int = 1,
    images: Sequence[SentPicture] = (),
    mask: SentPicture | None = None,
    visitor: Visitor,
) -> Asked:
    """Starts the pictures of a request, with seeds that follow each other if one is fixed.

    Raises Rejected, and then nothing is made.
    """
    if len(images) > MAX_IMAGES:
        raise Rejected(TOO_MANY_IMAGES)
    if not request.prompt.strip():
        raise Rejected("The prompt is empty: describe the picture that you want.", field="prompt")
    check_length(request, studio.settings.max_prompt_length)
    conversation = await studio.conversation(secrets.token_hex(16))
    conversation.owner = NOBODY
    sent = [await _add(studio, conversation, one, f"Image {n}", visitor) for n, one in enumerate(images, 1)]
    masked = await _add(studio, conversation, mask, "The mask", visitor) if mask else None
    message = await studio.start(
        conversation,
        *[request.numbered(n) for n in range(count)],
        images=[picture.name for picture in sent],
        mask=masked.name if masked else None,
        visitor=visitor,
    )
    return Asked(conversation, message)


def with_pictures(max_bytes: int) -> int:
    """Returns how many bytes a body may have that holds pictures; base64 writes three bytes as four."""
    return MAX_BODY + max_bytes * 4 // 3


def providers_for(studio: Studio, visitor: Visitor) -> list[Provider]:
    """Returns the providers that make pictures for a visitor as they come, in the order of the page."""
    return [provider for provider in studio.registry if _makes_for(provider, visitor, studio)]


def _makes_for(provider: Provider, visitor: Visitor, studio: Studio) -> bool:
    if visitor.providers is not None and provider.name not in visitor.providers:
        return False
    has_own = provider.name in visitor.keys or (visitor.token is not None and takes_sign_in(provider))
    return has_own or not needs_own(provider, studio.settings, may_spend=visitor.may_spend)


async def _add(
    studio: Studio, conversation: Conversation, sent: SentPicture, which: str, visitor: Visitor
) -> InputPicture:
    """Adds a picture to the conversation; raises Rejected, which says which one it is."""
    try:
        return await studio.add_picture(conversation, sent.image, sent.filename, visitor=visitor)
    except Rejected as error:
        error.args = (f"{sent.called or which}: {error}",)
        raise


def read_picture(path: Path, max_bytes: int) -> SentPicture:
    """Returns the picture in a file on this machine; raises Rejected."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise Rejected(f"{path} cannot be read ({error.strerror}): name another file.") from error
    if len(data) > max_bytes:
        raise Rejected(f"{path} is larger than {max_bytes:,} bytes: send a smaller picture.")
    return SentPicture(data, path.name, called=path.name)
