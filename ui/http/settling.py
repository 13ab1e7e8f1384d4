"""Waits for what another program's request has begun, and stops it if the program goes away."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from core import Rejected
from core.chat.failure import Unavailable
from core.chat.message import Version
from core.studio import Studio
from ui.http.idempotency import Begun, has_key


class Forgotten(Rejected):
    """A retry of a request whose picture is not kept any more."""

    status = 410


class Unread(Rejected):
    """What a request has begun cannot be read."""

    status = 500


async def settled(studio: Studio, begun: Begun, request: Request) -> list[Version]:
    """Waits until all that a request began has settled, and returns it; raises Forgotten.

    What has no key is stopped as soon as the client goes away.
    """
    try:
        conversation = await studio.conversation(begun.conversation)
    except Unavailable as error:  # which would say that it can be sent again
        raise Unread("The picture cannot be read from the disk: tell whoever runs this server.") from error
    message = conversation.get(begun.message)
    if message is None:
        raise _forgotten()

    async def stop_if_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        if not has_key(request):
            studio.stop(message)

    watching = asyncio.create_task(stop_if_gone())
    try:
        await conversation.settled(message)
    finally:
        watching.cancel()
    if versions := [version for version in message.versions if version.turn == begun.version]:
        return versions
    raise _forgotten()


def _forgotten() -> Forgotten:
    return Forgotten("The picture of this Idempotency-Key is not kept any more: use a new key for another.")
