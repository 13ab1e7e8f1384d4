"""A message and a picture as the store takes them."""

from __future__ import annotations

from core.chat.message import Message, Provenance, Version
from core.chat.request import UserRequest
from limner.identify import ImageInfo

INFO = ImageInfo("image/png", 16, 16)


def running(paid: bool = False) -> Version:
    provenance = Provenance(
        prompt="a", provider="p", provider_label="P", model="m", model_label="M", paid=paid
    )
    return Version(number=1, provenance=provenance)


def a_message(*versions: Version, id: str = "m", rev: int = 5) -> Message:
    return Message(id, UserRequest(prompt="a", options={"of": "it"}), 1.5, rev, list(versions))
