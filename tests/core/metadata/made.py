"""A version of a message, around a picture of any format, and what exiftool reads in a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageSequence

from core.chat.message import Provenance, Version
from core.chat.picture import Picture
from limner.formats import EXTENSIONS
from limner.identify import identify

PROMPT = "A red fox & <b>hen</b>: “snow”,\nsecond line, 狐"


def version_of(data: bytes, **about: Any) -> Version:
    """Returns a version whose picture is this one."""
    info = identify(data)
    made: dict[str, Any] = {
        **{"prompt": PROMPT, "provider": "acme", "provider_label": "Acme", "model": "acme/paint-1"},
        **{"model_label": "Paint 1", "size": "64x48", "seed": 4711, "negative_prompt": "text, blur"},
        **{"options": {"steps": 28, "guidance": 3.5, "style": 'oil, "thick"'}},
        **{"request_id": "REQUEST-4711", "usage": {"tokens": "USAGE-4711"}, "metadata": {"a": "META-4711"}},
        **{"text": "SAID-4711", "cost": "COST-4711"},
    }
    return Version(
        number=1,
        status="complete",
        started=1_750_000_000.0,
        duration=12.0,
        provenance=Provenance(**(made | about)),
        picture=Picture(
            name=f"{'0' * 32}.{EXTENSIONS[info.media_type]}",
            media_type=info.media_type,
            width=info.width,
            height=info.height,
            size=len(data),
        ),
    )


def frames(data: bytes) -> list[tuple[str, bytes]]:
    """Returns the pixels of every frame."""
    with Image.open(BytesIO(data)) as image:
        return [(frame.mode, frame.convert("RGBA").tobytes()) for frame in ImageSequence.Iterator(image)]


def read_by_exiftool(data: bytes) -> dict[str, Any]:
    """Returns the tags that exiftool reads in a file, each with its group; skips the test without it."""
    if not shutil.which("exiftool"):
        problem = "There is no exiftool: install it (apt-get install libimage-exiftool-perl)."
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    command = ["exiftool", "-json", "-G1", "-a", "-"]
    output = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    return json.loads(output)[0]
