"""The route of the pictures, with the headers that keep a stranger's bytes from doing anything."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from core import StoreError
from core.parts import filename
from core.studio import Studio
from limner.formats import MEDIA_TYPES
from ui.http.requests import NotFound

_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def picture_routes(studio: Studio) -> list[Route]:
    """Returns the routes; `?download` has the browser save the picture instead of showing it."""

    async def show(request: Request) -> Response:
        name = request.path_params["name"]
        saved_as = quote(await _filename(studio, name), safe="")
        found = studio.store.find(name)
        if found is None:
            raise NotFound("There is no such picture.")
        disposition = "attachment" if "download" in request.query_params else "inline"
        headers = {**_HEADERS, "Content-Disposition": f"{disposition}; filename*=UTF-8''{saved_as}"}
        media_type = MEDIA_TYPES[name.rpartition(".")[2]]
        if isinstance(found, Path):
            return FileResponse(found, headers=headers, media_type=media_type)
        return Response(found, headers=headers, media_type=media_type)

    async def show_preview(request: Request) -> Response:
        preview = studio.preview(request.path_params["name"])
        if preview is None:
            raise NotFound("This preview is not shown any more.")
        return Response(preview.data, headers=_HEADERS, media_type=preview.media_type)

    # The last part is for browsers that name a saved picture after its address.
    return [
        Route("/limner/pictures/{name}/{filename}", show),
        Route("/limner/previews/{name}", show_preview),
    ]


async def _filename(studio: Studio, picture: str) -> str:
    """Returns the file name of a stored picture, which the link to it does not choose."""
    try:
        if version := await studio.store.version_of(picture):
            return filename(version)
        if upload := await studio.store.upload(picture):
            return upload.filename
    except StoreError:
        pass
    return f"picture.{picture.rpartition('.')[2]}"
