"""The scripts, styles, fonts and marks of the page, under an address that changes with their contents."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui.http.compression import Text
from ui.http.requests import NotFound

_TEXTS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_MEDIA_TYPES = {**_TEXTS, ".png": "image/png", ".webp": "image/webp", ".woff2": "font/woff2"}


class Assets:
    """The files below a folder that a browser may have, as they are at the start, by their path within it."""

    def __init__(self, folder: Path) -> None:
        found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.*"))}
        self._files = {name: path.read_bytes() for name, path in found.items() if path.suffix in _MEDIA_TYPES}
        self._texts = {name: Text(file) for name, file in self._files.items() if Path(name).suffix in _TEXTS}
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name} {len(file)} ".encode() + file)
        self.version = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Returns the address of a file, relative to the page's.

        It is not called `assets`, which is Gradio's: below a path `/limner` the two could not be told apart.
        """
        return f"limner/files/{self.version}/{name}"

    def response(self, name: str, request: Request, caching: str) -> Response:
        """Returns a file as an answer; raises NotFound if there is none of that name."""
        if (file := self._files.get(name)) is None:
            raise NotFound("There is no such file: reload the page.")
        media_type, headers = _MEDIA_TYPES[Path(name).suffix], {"Cache-Control": caching}
        if text := self._texts.get(name):
            return text.response(request.headers, media_type, headers)
        return Response(file, 200, headers, media_type)

    def route(self) -> Route:
        """Returns the route that serves them; under the address of another version, for this time only."""

        async def serve(request: Request) -> Response:
            is_current = request.path_params["version"] == self.version
            caching = "public, max-age=31536000, immutable" if is_current else "no-cache"
            return self.response(request.path_params["name"], request, caching)

        return Route("/limner/files/{version}/{name:path}", serve)
