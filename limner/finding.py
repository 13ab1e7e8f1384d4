"""Finds the pictures in a service's reply, whatever their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote, unquote, urljoin, urlsplit

from limner.errors import ContentFiltered
from limner.formats import FORMATS, MEDIA_TYPES

_INLINE = (
    *("b64_json", "base64", "b64", "image_base64", "imageBase64", "bytesBase64Encoded"),
    *("imageBase64Data", "imageBytes", "image_b64", "binary_data_base64"),
)
_LINKS = (
    *("url", "image_url", "imageUrl", "imageURL", "uri", "link", "sample", "signed_url", "download_url"),
    *(
        "image_urls",
        "imageUrls",
        "file_url",
        "output_url",
        "result_url",
        "imageDataURI",
        "ResultImage",
        "src",
    ),
)
_OUTPUTS = {"output", "outputs"}
"""Whatever a model names the members of these."""
_TEXTS = {"message", "content", "response"}
"""They may hold pictures, and texts that are none."""
_HOLDERS = _TEXTS.union(
    ("data", "images", "image", "artifacts", "result", "results", "image_result", "picture", "pictures"),
    ("generated_images", "generatedImages", "predictions", "candidates", "parts", "choices"),
    ("generations_by_pk", "assets", "task_result", "Response"),
    ("inlineData", "inline_data", "img", "files", "file"),
)
_NEVER = {"error", "errors", "urls", "logs", "metrics", "input", "webhook"}
"""Members whose links lead elsewhere."""
_MARKS = {"has_nsfw_concepts", "has_nsfw_concept", "has_nsfw_contents", "nsfw_content_detected"}
_MAX_DEPTH, _MAX_VALUES, _MAX_LINK = 12, 100_000, 16_384

_BASE64 = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|AAAA.{3,8}ZnR5c|PHN2Zy|PD94bWwg")
"""How base64 of a picture begins, in each format of the contract."""
_DATA = re.compile(r"data:([^,]{0,200}),(.{0,40})", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ENDING = re.compile(r"\.([a-z0-9]{1,12})$", re.IGNORECASE)
_PICTURES = {*MEDIA_TYPES, "jpeg", "jpe", "jfif", "apng"}
_OTHERS = re.compile(
    "jsonl?|txt|csv|xml|html?|md|ya?ml|log|pdf|zip|tar|gz|mp[34]|webm|mov|wav|flac|ogg|"
    "glb|gltf|obj|ply|stl|safetensors|pt|bin|np[yz]"
)


def find_pictures(reply: object, address: str = "", response: Any = None) -> list[str | bytes]:
    """Returns the pictures in a reply as `ImageResult` takes them, the likeliest first.

    `reply` is what `read_reply` returned: base64, `data:` URIs and links are found under the names that
    services give them. A link is joined to `address`, the service's own, and its spaces are quoted; one
    that ends like a file of another kind, such as ``.json``, is left out. `response` is the answer
    itself, with `content` and `headers`: it may be a picture instead of JSON.

    Raises ContentFiltered if the reply marks what was made as not safe for work.
    """
    if is_marked_unsafe(reply):
        raise ContentFiltered(why="The service marked the picture as not safe for work.")
    found = sorted(_Finder(address).pictures(reply), key=lambda picture: picture[0])
    pictures: list[str | bytes] = [*dict.fromkeys(picture for _, picture in found)]
    if not pictures and response is not None and not isinstance(reply, dict | list) and _is_picture(response):
        pictures = [response.content]
    return pictures


def is_marked_unsafe(reply: object) -> bool:
    """Whether a reply says anywhere that a picture is not safe for work, such as `has_nsfw_concepts`."""
    waiting: list[object] = [reply]
    for value in waiting:
        if isinstance(value, dict):
            for name, member in cast("dict[object, object]", value).items():
                if name in _MARKS and (member is True or (isinstance(member, list) and True in member)):
                    return True
                waiting.append(cast(object, member))
        elif isinstance(value, list):
            waiting.extend(cast("list[object]", value)[:_MAX_VALUES])
        if len(waiting) > _MAX_VALUES:
            break
    return False


class _Finder:
    """Walks through a reply, as far as a reply with a picture goes."""

    def __init__(self, address: str) -> None:
        self._address = f"{address.partition('?')[0].rstrip('/')}/" if address else ""
        self._left = _MAX_VALUES

    def pictures(
        self, value: object, depth: int = _MAX_DEPTH, *, any_name: bool = False
    ) -> Iterator[tuple[int, str]]:
        """Yields each picture with its rank, 0 for what is surely one."""
        self._left -= 1
        if self._left < 0 or not depth:
            return
        if isinstance(value, str):
            if picture := self._picture(value):
                yield picture
        elif isinstance(value, list):
            for part in cast("list[object]", value)[: self._left]:
                yield from self.pictures(part, depth - 1, any_name=any_name)
        elif isinstance(value, dict):
            yield from self._members(cast("dict[str, object]", value), depth - 1, any_name)

    def _members(self, said: dict[str, object], depth: int, any_name: bool) -> list[tuple[int, str]]:
        for inline in filter(None, map(said.get, _INLINE)):
            listed = cast("list[object]", inline) if isinstance(inline, list) else [inline]
            if texts := [text for text in listed[: self._left] if isinstance(text, str) and text]:
                return [(0, text) for text in texts]
        found: list[tuple[int, str]] = []
        for name in (name for name in said if name not in _NEVER and name not in _LINKS):
            if any_name or name in _HOLDERS or name in _OUTPUTS:
                pictures = self.pictures(said[name], depth, any_name=any_name or name in _OUTPUTS)
                is_text = name in _TEXTS and isinstance(said[name], str)
                found += [picture for picture in pictures if not (is_text and picture[0])]
        for name in (name for name in _LINKS if name in said and not found):
            member = said[name]
            if not isinstance(member, str):
                found += self.pictures(member, depth, any_name=any_name)
            elif picture := self._picture(member, is_link=True):
                found.append(picture)
        return found

    def _picture(self, text: str, *, is_link: bool = False) -> tuple[int, str] | None:
        """Returns a text as a picture, with its rank; None if it is none."""
        head = text[:_MAX_LINK].strip()
        if _BASE64.match(head):
            return 0, text
        if data := _DATA.match(head):
            label = data[1].lower()
            is_image = label.startswith(("image/", "application/octet-")) or not label.partition(";")[0]
            return (0, text) if is_image or _BASE64.match(data[2]) else None
        if not head or len(text) > _MAX_LINK:
            return None
        link = re.sub(r"\s", lambda space: quote(space[0]), head)
        is_whole = re.match(r"https?://", head, re.IGNORECASE)
        is_relative = not is_whole and not head.startswith("//")
        may_be_joined = self._address and not _SCHEME.match(head) and (is_link or _kind(link) == 0)
        if is_relative and not may_be_joined:
            return None
        try:
            link = link if is_whole else urljoin(self._address or "https:", link)
        except ValueError:  # brackets that hold no address of IPv6
            return None
        rank = _kind(link)
        return None if rank is None else (rank, link)


def _kind(link: str) -> int | None:
    """Returns 0 for a link that ends like a picture, 1 for one that may be one, None for any other."""
    try:
        path = unquote(urlsplit(link).path)
    except ValueError:
        return None
    ending = _ENDING.search(path)
    if ending is None:
        return 1
    kind = ending[1].lower()
    return 0 if kind in _PICTURES else None if _OTHERS.fullmatch(kind) else 1


def _is_picture(response: Any) -> bool:
    body: bytes = response.content
    label = str(response.headers.get("content-type", "")).strip().lower()
    head = body[:2000].lower()
    is_svg = head.lstrip().startswith(b"<") and b"<svg" in head and b"<html" not in head
    is_known = is_svg or any(format.magic.match(body) for format in FORMATS)
    return bool(body) and (is_known or label.startswith("image/"))
