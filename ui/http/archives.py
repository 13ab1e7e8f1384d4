"""The routes on which a conversation leaves as a zip, and comes back from one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core.chat.message import Message
from core.importing import max_archive
from core.parts import file_stem
from core.studio import Studio
from limner.threads import call_in_thread
from ui.http.bodies import Bodies
from ui.http.idempotency import Begun, IdempotencyKeys
from ui.http.requests import NotFound, thread_id
from ui.http.visitors import Visitors


class ArchiveView(Protocol):
    """What the page makes of a whole conversation."""

    def draw_archive(self, messages: Sequence[Message], paths: Mapping[str, str]) -> Iterable[str]:
        """Draws the page that people read; `paths` has those of the pictures that are kept, by name."""
        ...


def archive_routes(
    studio: Studio, page: ArchiveView, keys: IdempotencyKeys, bodies: Bodies, visitors: Visitors
) -> list[Route]:
    """Returns the routes; what they raise as Rejected is answered by the server's exception handler."""

    async def export(request: Request) -> Response:
        conversation = await studio.conversation(thread_id(request), await visitors.of(request))
        first = next((message for message in conversation if message.deleted is None), None)
        if first is None:
            raise NotFound("There is nothing in this conversation yet: send a prompt first.")
        saved_as = quote(f"{file_stem(first.request.prompt)}.zip", safe="")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=UTF-8''{saved_as}",
            "Content-Type": "application/zip",
        }
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(studio.export(conversation, page.draw_archive), headers=headers)

    async def import_archive(request: Request) -> Response:
        who = await visitors.of(request)
        folder, most = studio.store.folder, max_archive(studio.settings)
        async with bodies.save(request, who.name, most, folder) as file:

            async def begin() -> Begun:
                conversation = await studio.import_archive(file, visitor=who)
                return Begun(conversation.id, "", 0)

            asked = await call_in_thread(lambda: _fingerprint(file))
            begun = await keys.once(request, who, asked, begin)
        return JSONResponse({"conversation": begun.conversation}, 201)

    return [
        Route("/limner/threads/{thread}/export", export),
        Route("/limner/import", import_archive, methods=["POST"]),
    ]


def _fingerprint(file: IO[bytes]) -> str:
    """Returns a digest of the end of a zip: its list of all entries, with their checksums."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 1_000_000))
    return hashlib.sha256(file.read()).hexdigest()
