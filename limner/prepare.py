"""Makes of a proven picture what may go to a model: upright, in a form that it takes, without metadata.

A picture that is so already stays as it is, byte for byte. All of this is for worker threads.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from limner.bounds import ImageInfo, bad_image, check_pixels
from limner.colour_profile import plain_profile
from limner.errors import ProviderError
from limner.formats import FORMATS
from limner.inputs import ImageInputs
from limner.metadata import is_moving_webp, without_metadata
from limner.parts import walk
from limner.size import Size

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY = 16
"""Bytes for a pixel that converting a picture takes, beside its file."""
_KEPT = ("image/png", "image/jpeg", "image/webp")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_NAMES = {format.media_type: format.name for format in FORMATS}
_INVERTED = [255 - value for value in range(256)]
_BLACK_OR_WHITE = [255 * (value > 127) for value in range(256)]
_QUALITY = 95
"""Of a JPEG that is written; a picture that was one before loses nothing that can be seen."""


def is_heif(data: bytes) -> bool:
    """Whether the bytes begin like a HEIC picture, the form in which iPhones save photographs."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF and b"avif" not in data[12:64]


def reads_heif() -> bool:
    """Whether the module that reads HEIC, pillow_heif, is installed."""
    return find_spec("pillow_heif") is not None


def from_heif(data: bytes, max_pixels: int) -> bytes:
    """Returns a HEIC picture as an upright JPEG, or as a PNG if parts of it are transparent.

    Raises ``ProviderError("bad-image")`` if it is damaged or has too many pixels.
    """
    import pillow_heif  # pyright: ignore[reportMissingImports]

    try:
        file: Any = pillow_heif.open_heif(data)  # pyright: ignore[reportUnknownMemberType]
        width, height = file.size
        check_pixels(width, height, max_pixels)
        return _encoded(file.to_pillow())[0]
    except (ValueError, OSError, RuntimeError, EOFError, MemoryError) as error:
        raise bad_image("The picture is cut off or damaged: its HEIC data do not decode.") from error


@contextmanager
def _named_errors() -> Generator[None]:
    """Raises a bad-image error instead of whatever Pillow raises for a picture that it cannot convert."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise bad_image("The picture cannot be converted: save it as PNG, and send that.") from error


def stays(data: bytes, info: ImageInfo) -> bool:
    """Whether `prepare_image` leaves a picture's pixels as they are coded."""
    return info.media_type in _KEPT and info.orientation == 1 and not is_moving_webp(data)


@_named_errors()
def prepare_image(data: bytes, info: ImageInfo) -> tuple[bytes, ImageInfo]:
    """Returns a picture as a PNG, JPEG or WebP that is upright without being turned, and has no metadata.

    `info` is what `identify` found. Only what is of another format, turned or moving is encoded again.
    Raises ``ProviderError("bad-image")`` for an SVG drawing.
    """
    if info.media_type not in _NAMES:
        raise bad_image("An SVG drawing cannot be sent to a model: save it as PNG, and send that.")
    if info.media_type in _KEPT and not is_moving_webp(data):
        data = without_metadata(data, info.media_type)
        if info.orientation == 1:
            return data, info
    else:  # without what takes Pillow long to read, and later frames
        data = walk(_NAMES[info.media_type], data, info.width * info.height).coded()
    image = _turned(_opened(data, info.media_type), info.orientation)
    data, media_type = _encoded(image, lossless=info.media_type in ("image/png", "image/gif"))
    return data, ImageInfo(media_type, *image.size)


@_named_errors()
def fit_image(data: bytes, media_type: str, taken: ImageInputs) -> tuple[bytes, str]:
    """Returns a prepared picture in a form that the model takes, and its media type.

    Raises ``ProviderError("bad-image")`` if it stays too large.
    """
    if fits(media_type, len(data), taken):
        return data, media_type
    image = _opened(data, media_type)
    for lossless in (media_type == "image/png", False):
        data, media_type = _encoded(image, lossless=lossless, allowed=taken.media_types)
        if fits(media_type, len(data), taken):
            return data, media_type
    raise bad_image(f"The picture is larger than the {taken.most_bytes:,} bytes that the model takes.")


def fits(media_type: str, size: int, taken: ImageInputs) -> bool:
    """Whether a model takes a picture of this type and with so many bytes as it is."""
    return media_type in taken.media_types and size <= taken.most_bytes


@_named_errors()
def prepare_mask(data: bytes, media_type: str, size: Size) -> bytes:
    """Returns a mask in the form of the contract, with the size of the picture that it is for.

    What may change is transparent in `data`, or white if nothing is transparent. Raises
    ``ProviderError("bad-image")`` if it marks nothing.
    """
    from PIL import Image

    mask = _opened(data, media_type)
    alpha = mask.convert("RGBA").getchannel("A")
    change = mask.convert("L") if alpha.getextrema() == (255, 255) else alpha.point(_INVERTED)
    change = change.resize(size, Image.Resampling.BILINEAR).point(_BLACK_OR_WHITE)
    if change.getextrema() == (0, 0):
        raise bad_image("The mask marks nothing: paint white, or make transparent, what may change.")
    stays = change.point(_INVERTED)
    return _written(Image.merge("RGBA", (change, change, change, stays)), "PNG")


def _opened(data: bytes, media_type: str) -> Image:
    from PIL import Image

    image = Image.open(BytesIO(data), formats=[_NAMES[media_type]])
    image.load()
    return image


def _turned(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _encoded(image: Image, *, lossless: bool = False, allowed: tuple[str, ...] = _KEPT) -> tuple[bytes, str]:
    """Returns the first frame as a PNG if it must lose nothing or is transparent, else as a JPEG."""
    see_through = image.has_transparency_data
    as_png = "image/jpeg" not in allowed or ((lossless or see_through) and "image/png" in allowed)
    profile = plain_profile(image.info.get("icc_profile") or b"")
    if as_png:
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image, profile = image.convert("RGBA" if see_through else "RGB"), None
        return _written(image, "PNG", icc_profile=profile), "image/png"
    if image.mode not in ("L", "RGB"):
        # a profile for other channels than these would be wrong
        profile = profile if image.mode in ("RGBA", "RGBX", "P") else None
        image = image.convert("RGB")
    return _written(image, "JPEG", quality=_QUALITY, icc_profile=profile), "image/jpeg"


def _written(image: Image, format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.info = {}  # which holds EXIF data and texts
    image.save(file, format, **options)
    return file.getvalue()
