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
from limner.formats import NAMES
from limner.inputs import ImageInputs
from limner.metadata import is_moving_webp, without_metadata
from limner.parts import walk
from limner.size import Size

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY = 16
"""Bytes for a pixel that converting a picture takes, besides its file."""
KEPT = ("image/png", "image/jpeg", "image/webp")
_KEPT_INFO = ("transparency", "icc_profile")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_INVERTED = [255 - value for value in range(256)]
_BLACK_OR_WHITE = [255 * (value > 127) for value in range(256)]
_QUALITY = 95
"""Of a JPEG that is written; a picture that was one before loses nothing that can be seen."""
_LOWER_QUALITY = 85
"""Of a JPEG that would be too large for the model otherwise."""
_MOST_HALVINGS = 4
"""How often the pixels of a picture may be halved that is still too large: to a sixteenth in all."""


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
def named_errors() -> Generator[None]:
    """Raises a bad-image error instead of whatever Pillow raises for a picture that it cannot convert."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise bad_image("The picture cannot be converted: save it as PNG, and send that.") from error


def stays(data: bytes, info: ImageInfo) -> bool:
    """Whether `prepare_image` leaves a picture's pixels as they are coded."""
    return info.media_type in KEPT and info.orientation == 1 and not is_moving_webp(data)


@named_errors()
def prepare_image(data: bytes, info: ImageInfo) -> tuple[bytes, ImageInfo]:
    """Returns a picture as a PNG, JPEG or WebP that is upright without being turned, and has no metadata.

    `info` is what `identify` found. Only what is of another format, turned or moving is encoded again.
    Raises ``ProviderError("bad-image")`` for an SVG drawing.
    """
    if info.media_type not in NAMES:
        raise bad_image("An SVG drawing cannot be sent to a model: save it as PNG, and send that.")
    if info.media_type in KEPT and not is_moving_webp(data):
        data = without_metadata(data, info.media_type)
        if info.orientation == 1:
            return data, info
    else:  # without what takes Pillow long to read, and later frames
        data = walk(NAMES[info.media_type], data, info.width * info.height).coded()
    image = turned(_opened(data, info.media_type), info.orientation)
    data, media_type = _encoded(image, lossless=info.media_type in ("image/png", "image/gif"))
    return data, ImageInfo(media_type, *image.size)


@named_errors()
def fit_image(data: bytes, info: ImageInfo, taken: ImageInputs) -> tuple[bytes, ImageInfo]:
    """Returns a prepared picture in a form that the model takes, with fewer pixels if it must be.

    Raises ``ProviderError("bad-image")`` if it stays too large.
    """
    if fits(info.media_type, len(data), taken):
        return data, info
    image = _opened(data, info.media_type)
    ways = [_quality(image, lossless=info.media_type == "image/png", allowed=taken.media_types)]
    if lossy := _quality(image, allowed=taken.media_types):
        ways += [lossy, _LOWER_QUALITY]
    for quality in dict.fromkeys(ways):
        data, media_type = _written_as(image, quality)
        if fits(media_type, len(data), taken):
            return data, ImageInfo(media_type, *image.size)
    for _ in range(_MOST_HALVINGS):
        image = _halved(image)
        data, media_type = _written_as(image, ways[-1])
        if fits(media_type, len(data), taken):
            return data, ImageInfo(media_type, *image.size)
    raise bad_image(
        f"The picture is larger than the {taken.most_bytes:,} bytes that the model takes: save it smaller, "
        f"and add it again."
    )


def fits(media_type: str, size: int, taken: ImageInputs) -> bool:
    """Whether a model takes a picture of this type and with so many bytes as it is."""
    return media_type in taken.media_types and size <= taken.most_bytes


@named_errors()
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

    image = Image.open(BytesIO(data), formats=[NAMES[media_type]])
    image.load()
    return image


def turned(image: Image, orientation: int) -> Image:
    """Returns a picture upright, whose pixels are stored as EXIF's number for the orientation says."""
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


def _encoded(image: Image, *, lossless: bool = False, allowed: tuple[str, ...] = KEPT) -> tuple[bytes, str]:
    """Returns the first frame as a PNG if it must lose nothing or is transparent, else as a JPEG."""
    return _written_as(image, _quality(image, lossless=lossless, allowed=allowed))


def _quality(image: Image, *, lossless: bool = False, allowed: tuple[str, ...] = KEPT) -> int | None:
    """Returns the quality of the JPEG that a picture becomes; None if it becomes a PNG."""
    must_be_png = lossless or image.has_transparency_data
    as_png = "image/jpeg" not in allowed or (must_be_png and "image/png" in allowed)
    return None if as_png else _QUALITY


def _written_as(image: Image, quality: int | None) -> tuple[bytes, str]:
    profile = plain_profile(image.info.get("icc_profile") or b"")
    if quality is None:
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image, profile = image.convert("RGBA" if image.has_transparency_data else "RGB"), None
        return _written(image, "PNG", icc_profile=profile), "image/png"
    image = with_eight_bits(image)
    if image.mode not in ("L", "RGB"):
        # a profile for other channels than these would be wrong
        profile = profile if image.mode in ("RGBA", "RGBX", "P") else None
        image = image.convert("RGB")
    return _written(image, "JPEG", quality=quality, icc_profile=profile), "image/jpeg"


def with_eight_bits(image: Image) -> Image:
    """Returns a grey picture of 16 bits with 8: Pillow's own conversion would make nearly all of it white."""
    return image.point(lambda value: value / 257).convert("L") if image.mode == "I;16" else image


def _halved(image: Image) -> Image:
    """Returns a picture with half of its pixels."""
    from PIL.Image import Resampling

    mode = {"P": "RGB", "1": "L"}.get(image.mode, image.mode)  # palettes cannot be blended
    if image.has_transparency_data and mode in ("L", "RGB"):  # nor can the one colour that is transparent
        mode += "A"
    width, height = (max(1, round(side / 2**0.5)) for side in image.size)
    return image.convert(mode).resize((width, height), Resampling.LANCZOS)


def _written(image: Image, format: str, **options: Any) -> bytes:
    file = BytesIO()
    # without EXIF data and texts; the rest counts if the picture is written once more, smaller
    image.info = {name: value for name, value in image.info.items() if name in _KEPT_INFO}
    image.save(file, format, **options)
    return file.getvalue()
