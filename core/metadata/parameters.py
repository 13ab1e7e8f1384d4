"""The text `parameters`, in which AUTOMATIC1111's web UI and other programs say how a picture was made."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from core.chat.message import Version

TOOL = "Limner"
_NAMES = {
    "Steps": ("num_inference_steps", "steps", "inference_steps"),
    "Sampler": ("sampler", "sampler_name"),
    "CFG scale": ("guidance_scale", "guidance", "cfg_scale", "cfg"),
}
"""What that text calls a setting, and what options of that meaning are called."""
_SETTING = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_FEWEST = 3
"""Settings in a last line that is no part of the prompt, as those programs count."""
_LONGEST = 4_000
_NEGATIVE = "\nNegative prompt:"


def write_parameters(version: Version) -> str:
    """Returns the text for a version; what it cannot say is left out."""
    made, picture = version.provenance, version.picture
    said: dict[str, Any] = {}
    for name, options in _NAMES.items():
        said[name] = next((made.options[option] for option in options if option in made.options), None)
    said["Seed"] = made.seed
    said["Size"] = f"{picture.width}x{picture.height}" if picture else made.size
    said |= {"Model": made.model, "Version": TOOL}
    settings = (f"{name}: {_quoted(str(value))}" for name, value in said.items() if value is not None)
    negative = [f"{_NEGATIVE[1:]} {made.negative_prompt}"] if made.negative_prompt else []
    return "\n".join([made.prompt, *negative, ", ".join(settings)])


def read_parameters(text: str) -> dict[str, Any]:
    """Returns the settings in such a text; nothing if its last line has none."""
    prompt, _, last = text.strip().rpartition("\n")
    said = {name.strip(): _unquoted(value) for name, value in _SETTING.findall(last[:_LONGEST])}
    if len(said) < _FEWEST:
        return {}
    prompt, _, negative = f"\n{prompt}".partition(_NEGATIVE)
    return {
        "prompt": prompt.strip(),
        "negative_prompt": negative.strip(),
        "seed": said.get("Seed"),
        "size": said.get("Size"),
        "model": said.get("Model"),
        "tool": TOOL if said.get("Version") == TOOL else "Stable Diffusion web UI",
    }


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(value))
    return value.strip()
