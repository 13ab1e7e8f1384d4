"""What a browser draws whole is a picture, and nothing else is; the exceptions, with their reasons."""

import base64

import pytest

from limner import ProviderError
from limner.picture import identify, memory_to_prove
from tests.limner.odd_pictures import GROUPS

CUT = "It is cut, so that a part of what was paid for may be missing; browsers draw what is there."
DAMAGED = "Its pixels or a later frame are damaged; browsers draw what they can."
INTERNAL = "An internal document type can declare entities, which grow without a bound."
REFUSED_THOUGH_DRAWN = {
    "PNG": {
        "wrong checksum of the pixels": DAMAGED,
        "wrong checksum in the deflated pixels": DAMAGED,
        "pixels in two places": "The format forbids it, and other browsers draw the first place only.",
        "animated, cut": CUT,
        "animated, wrong checksum in its last frame": DAMAGED,
        "end missing": CUT,
        "end cut by one byte": CUT,
        "end cut by its checksum": CUT,
        "end cut by five": CUT,
        "checksum of the pixels cut": CUT,
    },
    "JPEG": {
        "end missing, and zeros for its last quarter": CUT,
        "progressive, end missing": CUT,
        "progressive, last scan and end missing": CUT,
        "progressive, cut in its first scan": CUT,
        "progressive, cut in its last scan": CUT,
        "damaged in its scan": DAMAGED,
        "arithmetic": "Debian's Chromium can decode it, and Chrome, Firefox and Safari cannot.",
    },
    "GIF": {
        "end missing, and the terminator": CUT,
        "end missing, and ten bytes": CUT,
        "cut in the middle": CUT,
        "late comment, cut": CUT,
        "pixels end early": CUT,
        "animated, last frame cut": CUT,
        "something between its blocks": DAMAGED,
        "garbage between its blocks": DAMAGED,
    },
    "AVIF": {"brand that is unknown": "Pillow decodes only the brands of AVIF and of pictures in general."},
    "SVG": {
        "document type of Illustrator": INTERNAL,
        "document type with nothing inside": INTERNAL,
        "document type with an attribute list": INTERNAL,
        "document type of another name": "It says of itself that it is a web page.",
        "html5 with svg": "It says of itself that it is a web page.",
        "GBK": "Chromium takes the bytes for UTF-8; other browsers and the parser believe the label.",
        "encoding that does not exist": "Chromium takes the bytes for UTF-8; other browsers show an error.",
        "infinite": "It is larger than any bound.",
        "huge": "It is larger than any bound.",
        "huge of both": "It is larger than any bound.",
    },
}
UNENDED = (
    "Chromium leaves out the last blocks of a JPEG without an end; others draw them, and nothing is missing."
)
TAKEN_THOUGH_NOT_DRAWN = {
    "PNG": {"pixels end early": "Its encoder wrote too few rows and closed them; the decoder does not tell."},
    "JPEG": {
        "end missing": UNENDED,
        "end cut by a byte": UNENDED,
        "grey, end missing": UNENDED,
        "restarts, end missing": UNENDED,
        "frame of one pixel, end missing": UNENDED,
    },
    "AVIF": {
        "profile of nonsense": "Chromium refuses its profile; its pixels are whole, and others draw them."
    },
    "GIF": {"screen larger than its frame": "It is drawn; the rest of its screen is transparent."},
    "SVG": {
        "Latin-1": "Chromium takes the bytes for UTF-8; other browsers believe the label.",
        "windows-1252": "Chromium takes the bytes for UTF-8; other browsers believe the label.",
        "vw": "It is drawn once the page gives it a size, as the page does.",
        "vw and box": "It is drawn once the page gives it a size, as the page does.",
        "small fractions": "It is drawn once the page gives it a size, as the page does.",
    },
}
NO_PICTURES = {
    "PNG": {
        "wrong checksum of the header",
        "wrong checksum of a palette",
        "palette missing",
        "palette twice",
        "palette of 300",
        "palette of nothing",
        "unknown chunk that is critical",
        "pixels split by a text",
        "cut in the middle",
        "cut in the last row",
        "filter that does not exist",
        "header of 14 bytes",
        "header twice",
        "chunk before the header",
        "CgBI of an iPhone",
        "ended by a line feed alone",
        "space before it",
        "side of zero",
    },
    "JPEG": {
        "end missing, and a byte",
        "end missing, and 5 bytes",
        "end missing, and 100 bytes",
        "cut in the middle",
        "length of a segment past the end",
        "unknown marker",
        "reserved marker",
        "start within the picture",
        "space before it",
        "lossless",
    },
    "WebP": {
        "animated, last frame cut",
        "animated, last frame missing",
        "reserved flags",
        "odd, unpadded",
        "odd, unpadded, length corrected",
        "odd, padding not in its length",
        "odd metadata, unpadded",
        "length smaller by 1",
        "length smaller by 2",
        "length larger by 1",
        "length larger by 2",
        "length larger by 100",
        "lossless, length smaller by 1",
        "lossless, length larger by 1",
        "extended, length larger by 1",
        "extended, length larger by 100",
        "animated, length larger by 1",
        "length of zero",
        "length unknown",
        "cut by a byte",
        "cut by ten",
        "lossless, cut by ten",
        "cut in the middle",
        "metadata cut",
        "canvas of another size",
        "metadata only",
    },
    "GIF": {
        "graphic control of another length",
        "frame of zero",
        "no frame",
        "zero before its frame",
        "code size of 12",
    },
    "AVIF": {
        "cut by a byte",
        "cut by a hundred",
        "cut in the middle",
    },
    "SVG": {
        "document type in small letters",
        "document type twice",
        "entity of the document type",
        "UTF-16 without a mark",
        "UTF-16 without a mark, declared",
        "Shift JIS",
        "wrong UTF-8",
        "declaration after a space",
        "entity that is undeclared",
        "prefix that is undeclared",
        "attribute twice",
        "zero",
        "zero height",
        "zero height and box",
        "negative",
        "negative and box",
        "cut",
        "cut in an element",
        "text after the end",
        "zeros after the end",
        "second root",
        "without its namespace",
        "of another namespace",
        "text before it",
        "root in capitals",
        "html",
        "xhtml",
    },
}
"""What is refused, and what no browser draws."""
LOOK = """async ([data, type]) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0))
    const image = new Image()
    const loaded = new Promise((resolve) => {
        image.onload = () => resolve(true)
        image.onerror = () => resolve(false)
    })
    image.src = URL.createObjectURL(new Blob([bytes], { type }))
    if (!(await loaded) || !image.naturalWidth || !image.naturalHeight) return false
    if (type === "image/svg+xml") return true
    const [width, height] = [image.naturalWidth, image.naturalHeight]
    const canvas = Object.assign(document.createElement("canvas"), { width, height })
    const context = canvas.getContext("2d")
    context.drawImage(image, 0, 0)
    const last = context.getImageData(0, height - 1, width, 1).data
    return last.some((value, at) => at % 4 === 3 && value)
}"""


def taken(data):
    try:
        identify(data)
    except ProviderError:
        return False
    assert memory_to_prove(data)
    return True


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in GROUPS[group]])
def test_what_is_taken(group, name):
    refused = name in REFUSED_THOUGH_DRAWN.get(group, {}) or name in NO_PICTURES[group]
    assert taken(GROUPS[group][name]) is not refused


def test_every_exception_is_one_of_the_files():
    for exceptions in (REFUSED_THOUGH_DRAWN, TAKEN_THOUGH_NOT_DRAWN, NO_PICTURES):
        for group, names in exceptions.items():
            assert GROUPS[group].keys() >= set(names)


@pytest.mark.browser
@pytest.mark.parametrize("group", GROUPS)
def test_browser_and_proof_agree(group, page):
    drawn_only, taken_only = [], []
    for name, data in GROUPS[group].items():
        media_type = "image/svg+xml" if group == "SVG" else f"image/{group.lower()}"
        drawn = page.evaluate(LOOK, [base64.b64encode(data).decode(), media_type])
        if drawn and not taken(data):
            drawn_only.append(name)
        if taken(data) and not drawn:
            taken_only.append(name)
    assert sorted(drawn_only) == sorted(REFUSED_THOUGH_DRAWN.get(group, {}))
    assert sorted(taken_only) == sorted(TAKEN_THOUGH_NOT_DRAWN.get(group, {}))
