"""What each tool does: the pictures take the same road, under the same limits, as those of the page."""

from __future__ import annotations

import logging
import re
from typing import cast

from mcp.types import CallToolResult

from core import Rejected
from core.asking import Asked, SentPicture, ask
from core.chat.request import MAX_IMAGES, UserRequest
from core.generation.visitor import Visitor
from core.logs import unsaid
from core.parts import filename
from core.studio import Studio
from ui.mcp.answers import Address, broken, made, providers, refused
from ui.mcp.messages import Sent
from ui.mcp.progress import Report, report_progress
from ui.mcp.tools import MAX_COUNT, takes

log = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9a-f]{32}\.[a-z]{2,5}")
"""The id of a picture, which nobody guesses: whoever has it was given it here."""


class Calls:
    """Serves the calls of one visitor; `address` says where a picture can be had."""

    def __init__(self, studio: Studio, visitor: Visitor, address: Address) -> None:
        self._studio, self._visitor, self._address = studio, visitor, address

    async def call(self, tool: str, sent: Sent, report: Report | None) -> CallToolResult:
        """Returns what a tool answers; whatever goes wrong is a sentence there. Cancelled, it stops all."""
        prompt = sent.arguments.get("prompt")
        try:
            with unsaid(prompt if isinstance(prompt, str) else None):
                return await self._call(tool, sent, report)
        except Rejected as error:
            return refused(error)
        except Exception:
            log.exception("The tool failed")
            return broken()
        finally:
            sent.drop()

    async def _call(self, tool: str, sent: Sent, report: Report | None) -> CallToolResult:
        if tool not in _TOOLS:
            raise Rejected(f"There is no tool {tool[:60]!r}: there are {', '.join(_TOOLS)}.")
        if unknown := [name for name in sent.arguments if name not in takes(tool)]:
            known = ", ".join(takes(tool)) or "none"
            raise Rejected(f"{tool} has no argument {unknown[0][:40]!r}: it takes {known}.", field=unknown[0])
        if tool == "list_providers":
            return providers(self._studio, self._visitor)
        asked = await self._start(tool, sent)
        try:
            await report_progress(asked, report)
        finally:
            if asked.message.running:  # nobody waits for it any more
                self._studio.stop(asked.message)
        return await made(asked.message.versions, self._studio, self._address)

    async def _start(self, tool: str, sent: Sent) -> Asked:
        """Starts the pictures, and forgets what they were asked with; raises Rejected."""
        values = {name: value for name, value in sent.arguments.items() if value is not None}
        count, images, mask = values.pop("count", 1), values.pop("images", []), values.pop("mask", None)
        if type(count) is not int or not 1 <= count <= MAX_COUNT:
            raise Rejected(f"The count must be a whole number from 1 to {MAX_COUNT}.", field="count")
        request = UserRequest(**values)
        if not isinstance(images, list) or (tool == "edit_image" and not images):
            raise Rejected(f"The images must be a list of 1 to {MAX_IMAGES}: {_FORMS}.", field="images")
        listed = cast("list[object]", images)[: MAX_IMAGES + 1]
        asked = await ask(
            self._studio,
            request,
            count=count,
            images=[await self._picture(one, f"Image {n}") for n, one in enumerate(listed, 1)],
            mask=None if mask is None else await self._picture(mask, "The mask"),
            visitor=self._visitor,
        )
        sent.drop()
        return asked

    async def _picture(self, image: object, called: str) -> SentPicture:
        """Returns a picture that an argument names, or holds; raises Rejected.

        Never that at a path, not even on the person's own machine: what an assistant reads somewhere may make
        it send any file from there to a service.
        """
        if isinstance(image, str):
            if name := self._name_of(image):
                return await self._made_here(name, called)
            if picture := SentPicture.of(image, called=called):
                return picture
        raise Rejected(f"{called} cannot be used: {_FORMS}.", field="images")

    def _name_of(self, image: str) -> str | None:
        """Returns the name of a picture of this server that a text is, or leads to."""
        base = self._address.base
        if base and image.startswith(f"{base}/limner/pictures/"):
            image = image.removeprefix(f"{base}/limner/pictures/").partition("/")[0]
        return image if _NAME.fullmatch(image) else None

    async def _made_here(self, name: str, called: str) -> SentPicture:
        data = await self._studio.store.read(name)
        if data is None:
            raise Rejected(
                f"{called} is not kept here, or not any more: name another picture.", field="images"
            )
        version = await self._studio.store.version_of(name)
        return SentPicture(data, filename(version) if version else "", called=called)


_TOOLS = ("generate_image", "edit_image", "list_providers")
_FORMS = (
    'each is a data: URI such as "data:image/png;base64,…", an https link, or the id of a picture that an '
    "earlier call made"
)
