"""What goes to every door, each in its own form: one good request, and the table of those that are refused.

The names are those of `/api/image`; a test of another door translates them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

GOOD: dict[str, Any] = {
    "prompt": "a red fox in the snow, at dawn",
    "provider": "sketch",
    "model": "sketch-1",
    "size": "512x512",
    "seed": 4217,
}
"""The same picture and the same provenance, whichever door it came through."""

NOT_OF_THE_REQUEST = {"duration", "version"}
"""What the provenance says of the work, and not of what was asked and made."""

LONGEST = 8_000

NOT_JSON = ("text/plain;charset=UTF-8", "multipart/form-data")
"""What no door takes JSON as: another site's page can send these without asking whether it may."""


class Refused(NamedTuple):
    """A request that no door takes."""

    values: dict[str, Any]
    """Beside those of a good request; None leaves a value out."""
    words: str
    """A part of the sentence, as a regular expression without regard to case."""


REFUSED: dict[str, Refused] = {
    "prompt missing": Refused({"prompt": None}, "prompt"),
    "prompt blank": Refused({"prompt": " \n\t "}, "prompt"),
    "prompt a number": Refused({"prompt": 7}, "prompt"),
    "prompt a list": Refused({"prompt": ["a fox"]}, "prompt"),
    "prompt an object": Refused({"prompt": {"text": "a fox"}}, "prompt"),
    "prompt of 100,000 characters": Refused({"prompt": "a" * 100_000}, f"shorten it to {LONGEST:,}"),
    "prompt with control characters": Refused({"prompt": "a \x00\x1b fox"}, "control characters"),
    "prompt with half a surrogate pair": Refused({"prompt": "a \ud83d fox"}, "prompt|not (a )?valid"),
    "size of nothing": Refused({"size": "0x0"}, "size"),
    "size below nothing": Refused({"size": "-1x5"}, "size"),
    "size in powers": Refused({"size": "1e9x1"}, "size"),
    "size in wide digits": Refused({"size": "１０24x1024"}, "size"),
    "size a number": Refused({"size": 512}, "size"),
    "size of a thousand digits": Refused({"size": f"{'9' * 1_000}x1"}, "size"),
    "seed a fraction": Refused({"seed": 1.5}, "seed"),
    "seed huge": Refused({"seed": 2**64}, "seed"),
    "seed of a thousand digits": Refused({"seed": int("9" * 400)}, "seed|not valid"),
    "seed negative": Refused({"seed": -1}, "seed"),
    "seed true": Refused({"seed": True}, "seed"),
    "seed a word": Refused({"seed": "lucky"}, "seed"),
    "unknown provider": Refused({"provider": "nobody"}, "nobody"),
    "unknown model": Refused({"model": "no-such-model"}, "no-such-model"),
    "provider with markup": Refused({"provider": "<script>alert(1)</script>"}, "provider"),
    "unknown option": Refused({"options": {"no_such_option": 1}}, "no_such_option"),
    "option of a wrong type": Refused({"options": {"outcome": 7}}, "outcome"),
    "options a list": Refused({"options": [1]}, "options"),
}
