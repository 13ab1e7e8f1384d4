"""The route of the pictures, with the headers that keep a stranger's bytes from doing anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from core import StoreError
from core.chat.message import Version
from core.metadata.details import write_details
from core.parts import filename
from core.studio import Studio
from core.workers import Workers
from limner.formats import MEDIA_TYPES
from ui.http.requests import NotFound

_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_WRITERS = 2
"""Copies with details that are written at once, each in memory until it is."""
_PIECE = 65_536
"""Bytes of a copy that are read at once."""


def picture_routes(studio: Studio) -> list[Route]:
    """Returns the routes; `?download` has the browser save the picture instead of showing it.

    So has `?details`, which saves a copy that says how the picture was made, unless it is signed.
    """
    writers = Workers(_WRITERS)
    # with an address, messages carry links that other programs' pages show
    policy = "cross-origin" if studio.settings.public_url else "same-origin"
    safe = {**_HEADERS, "Cross-Origin-Resource-Policy": policy}

    async def show(request: Request) -> Response:
        name = request.path_params["name"]
        version, saved_as = await _origin(studio, name)
        saved_as = quote(saved_as, safe="")
        saved = request.query_params.keys() & {"download", "details"}
        # what fetches or saves it needs the headers of this server
        if not saved and _is_shown(request) and (link := await studio.store.link(name)):
            return RedirectResponse(link, headers={"Cache-Control": "private, max-age=300"})
        found = await studio.store.find(name)
        if found is None:
            raise NotFound("There is no such picture.")
        disposition = "attachment" if saved else "inline"
        named = {"Content-Disposition": f"{disposition}; filename*=UTF-8''{saved_as}"}
        media_type = MEDIA_TYPES[name.rpartition(".")[2]]
        if version and "details" in request.query_params:
            return await copy(found, version, {**safe, **named}, media_type)
        return reply(found, media_type, **named)

    async def show_thumbnail(request: Request) -> Response:
        thumbnail = await studio.store.thumbnails.find(request.path_params["name"])
        if thumbnail is None:
            raise NotFound("There is no such picture.")
        return reply(thumbnail.image, thumbnail.media_type)

    async def copy(
        found: Path | bytes, version: Version, headers: dict[str, str], media_type: str
    ) -> Response:
        def write() -> tuple[IO[bytes], int]:
            data = found.read_bytes() if isinstance(found, Path) else found
            file = TemporaryFile()  # noqa: SIM115, a slow reader would hold the bytes in memory
            size = file.write(write_details(data, version))
            file.seek(0)
            return file, size

        file, size = await writers.run(write)
        headers["Content-Length"] = str(size)
        return StreamingResponse(_pieces(file), headers=headers, media_type=media_type)

    def reply(image: Path | bytes, media_type: str, **more: str) -> Response:
        headers = {**safe, **more}
        if isinstance(image, Path):
            return FileResponse(image, headers=headers, media_type=media_type)
        return Response(image, headers=headers, media_type=media_type)

    async def show_preview(request: Request) -> Response:
        preview = studio.preview(request.path_params["name"])
        if preview is None:
            raise NotFound("This preview is not shown any more.")
        return reply(preview.data, preview.media_type)

    # The last part is for browsers that name a saved picture after its address.
    return [
        Route("/limner/pictures/{name}/{filename}", show),
        Route("/gradio_api/file=limner/pictures/{name}/{filename}", show),  # where Gradio's clients look
        Route("/limner/thumbnails/{name}", show_thumbnail),
        Route("/limner/previews/{name}", show_preview),
    ]


def _is_shown(request: Request) -> bool:
    return request.headers.get("sec-fetch-dest") == "image"


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


async def _origin(studio: Studio, picture: str) -> tuple[Version | None, str]:
    """Returns the version of a stored picture, and its file name, which the link to it does not choose."""
    try:
        if version := await studio.store.version_of(picture):
            return version, filename(version)
        if upload := await studio.store.uploads.find(picture):
            return None, upload.filename
    except StoreError:
        pass
    return None, f"picture.{picture.rpartition('.')[2]}"
