"""The marks by which browsers, phones and previews of links know Limner."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.http.assets import Assets

_NAME = "Limner"
_DESCRIPTION = "A chat in which people make pictures, with any image provider behind it."
_LIGHT, _DARK = "#faf8f4", "#171512"
_ICONS = (("icon", 192, "any"), ("icon", 512, "any"), ("maskable", 512, "maskable"))


def brand_tags(assets: Assets, public_url: str | None) -> str:
    """Returns the title, the description, the preview of a link, and the icons, as tags of the head.

    Others' programs that draw a preview need a whole address, which only `public_url` gives for certain.
    """
    card = assets.address("brand/card.png")
    card = f"{public_url.rstrip('/')}/{card}" if public_url else card
    preview = {
        "og:type": "website",
        "og:site_name": _NAME,
        "og:title": _NAME,
        "og:description": _DESCRIPTION,
        **({"og:url": public_url} if public_url else {}),
        "og:image": card,
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": f"{_NAME}: {_DESCRIPTION}",
    }
    return "\n".join(
        [
            f"<title>{_NAME}</title>",
            f'<meta name="description" content="{_DESCRIPTION}">',
            *(f'<meta property="{name}" content="{escape(value)}">' for name, value in preview.items()),
            '<meta name="twitter:card" content="summary_large_image">',
            f'<meta name="theme-color" content="{_LIGHT}" media="(prefers-color-scheme: light)">',
            f'<meta name="theme-color" content="{_DARK}" media="(prefers-color-scheme: dark)">',
            f'<link rel="preload" as="font" crossorigin href="{assets.address("brand/inter.woff2")}">',
            f'<link rel="icon" type="image/svg+xml" href="{assets.address("brand/mark.svg")}">',
            f'<link rel="icon" sizes="192x192" href="{assets.address("brand/icon-192.png")}">',
            f'<link rel="apple-touch-icon" href="{assets.address("brand/touch-180.png")}">',
            '<link rel="manifest" href="manifest.json">',
        ]
    )


def brand_routes(assets: Assets) -> list[Route]:
    """Returns the routes at the addresses that browsers know, in place of Gradio's."""
    icons = [
        {
            "src": assets.address(f"brand/{name}-{side}.png"),
            "sizes": f"{side}x{side}",
            "type": "image/png",
            "purpose": use,
        }
        for name, side, use in _ICONS
    ]
    manifest = {
        "name": _NAME,
        "description": _DESCRIPTION,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "theme_color": _LIGHT,
        "background_color": _LIGHT,
        "icons": icons,
    }

    async def describe(_: Request) -> Response:
        return JSONResponse(
            manifest, media_type="application/manifest+json", headers={"Cache-Control": "no-cache"}
        )

    async def icon(request: Request) -> Response:
        return assets.response("brand/icon-192.png", request, "public, max-age=86400")

    return [Route("/manifest.json", describe), Route("/favicon.ico", icon)]
