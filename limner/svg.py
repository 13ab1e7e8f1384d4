"""Finds out whether markup is a whole SVG, and how large it is, without fetching or expanding anything.

A document type may stand before the picture, as many editors write one: it is cut out before the parser
sees it, so that neither its external part nor an entity means anything. One with an internal part, in
brackets, is refused.
"""

from __future__ import annotations

import re
from itertools import count
from xml.parsers import expat

from limner.bounds import ImageInfo, NoPicture, bad_image, check_parts, max_parts
from limner.formats import SVG

MAX_SVG_BYTES = 5_000_000
MAX_SVG_SIDE = 1_000_000
SVG_MEMORY = 40
"""The most bytes of memory that checking takes for each byte of an SVG: one element with only attributes."""
MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<|\xff\xfe(\s\x00)*<\x00|\xfe\xff(\x00\s)*\x00<")

_NO_PICTURE = "The result is a web page or another document, not a picture."
_ROOT = "http://www.w3.org/2000/svg svg"
LONG_NAMESPACE = re.compile(rb"""\sxmlns(?::[^\s=<>"']*)?\s*=\s*["'][^"']{1000}""")
_BEFORE_ROOT = re.compile(rb"\s+|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_LITERAL = rb"""\s+(?:"[^"]*"|'[^']*')"""
_DOCTYPE = re.compile(
    rb"<!DOCTYPE\s+(?:[^\s<>:\[]+:)?svg(?:\s+PUBLIC%b%b|\s+SYSTEM%b)?\s*>" % (_LITERAL, _LITERAL, _LITERAL)
)
_SVG_DOCTYPE = re.compile(rb"<!DOCTYPE\s+(?:[^\s<>:\[]+:)?svg[\s>\[]")

_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z]*|%)", re.IGNORECASE)
_UNITS = {
    **{"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "pt": 96 / 72},
    **{"pc": 16.0, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0},
}
"""CSS pixels; those of the units of a font are for one of 16 pixels, as browsers have it."""
_DEFAULT_SIZE = 300.0, 150.0
"""What browsers take for a picture that does not say how large it is (CSS 2.2, section 10.3.2)."""


def identify_svg(data: bytes) -> ImageInfo:
    """Returns the size that an SVG says, in CSS pixels; raises ProviderError if it is no whole SVG."""
    if len(data) > MAX_SVG_BYTES:
        raise bad_image(f"The SVG picture is larger than {MAX_SVG_BYTES:,} bytes.")
    text, encoding = data, None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # browsers believe the mark, whatever is declared
        try:
            text, encoding = data.decode("utf-16").encode(), "utf-8"
        except ValueError as error:
            raise bad_image("The SVG picture is cut off or damaged.") from error
    elif b"\0" in data[:2]:  # UTF-16 without its mark, which no browser reads
        raise NoPicture(_NO_PICTURE)
    text = _without_doctype(text)
    if LONG_NAMESPACE.search(text):  # expat copies it for every name
        raise bad_image("The SVG picture has a namespace that is much too long.")
    return _size(_root(text, encoding))


def _without_doctype(text: bytes) -> bytes:
    """Returns the document without its document type; raises ProviderError if that has an internal part."""
    at = _prolog_end(text, 3 if text.startswith(b"\xef\xbb\xbf") else 0)
    if not text.startswith(b"<!DOCTYPE", at):
        return text
    if doctype := _DOCTYPE.match(text, at):
        if not text.startswith(b"<!DOCTYPE", _prolog_end(text, doctype.end())):
            return text[:at] + text[doctype.end() :]
    elif not _SVG_DOCTYPE.match(text, at):
        raise NoPicture(_NO_PICTURE)
    raise bad_image("The SVG picture's document type has more than a name, which could hide entities.")


def _prolog_end(text: bytes, at: int) -> int:
    """Returns the end of the white space, comments and instructions that begin there."""
    for part in count(1):
        check_parts(part, max_parts(len(text)))
        if not (found := _BEFORE_ROOT.match(text, at)):
            break
        at = found.end()
    return at


def _root(text: bytes, encoding: str | None) -> dict[str, str]:
    """Returns the attributes of the root, having read the document to its end."""
    roots: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != _ROOT:
            raise NoPicture(_NO_PICTURE)
        roots.append(attributes)
        parser.StartElementHandler = None

    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    parser.StartElementHandler = start
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        cut_off = bad_image("The SVG picture is cut off or damaged.")
        raise (cut_off if roots else NoPicture(_NO_PICTURE)) from error
    return roots[0]


def _size(root: dict[str, str]) -> ImageInfo:
    """Returns the size as browsers find it; without a width and a height, that of the viewBox."""
    box = _box(root.get("viewBox", ""))
    width, height = (_pixels(root.get(side, "")) for side in ("width", "height"))
    if width is None and height is None:
        width, height = box or _DEFAULT_SIZE
    elif height is None and width is not None:
        height = width * box[1] / box[0] if box else _DEFAULT_SIZE[1]
    elif width is None and height is not None:
        width = height * box[0] / box[1] if box else _DEFAULT_SIZE[0]
    if width and height and min(width, height) > 0 and max(width, height) <= MAX_SVG_SIDE:
        return ImageInfo(SVG, max(1, round(width)), max(1, round(height)))
    raise bad_image("The SVG picture does not say how large it is.")


def _pixels(length: str) -> float | None:
    """Returns a length in CSS pixels; None for a share of the page, and for what is no length."""
    found = _LENGTH.fullmatch(length.strip()) if len(length) <= 100 else None
    unit = _UNITS.get(found[2].lower()) if found else None
    return float(found[1]) * unit if found and unit else None


def _box(text: str) -> tuple[float, float] | None:
    """Returns the width and the height of a viewBox; None if it is none."""
    numbers = re.split(r"\s*,\s*|\s+", text.strip()) if len(text) <= 400 else []
    found = [_LENGTH.fullmatch(number) for number in numbers]
    if len(found) != 4 or not all(number and not number[2] for number in found):
        return None
    width, height = (float(number[1]) for number in found[2:] if number)
    if not (width > 0 and height > 0):
        return None
    if max(width, height) > MAX_SVG_SIDE or min(width, height) < 1:  # browsers keep its shape alone
        scale = min(side / of for side, of in zip(_DEFAULT_SIZE, (width, height), strict=True))
        return width * scale, height * scale
    return width, height
