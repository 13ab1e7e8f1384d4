"""The settings with which a picture was made, as its file says: ours first, then those of other programs.

A file may say anything: values that are not valid are left out, and nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from core.chat.failure import Rejected
from core.chat.request import UserRequest
from core.metadata.parameters import TOOL, read_parameters
from core.metadata.texts import Texts, read_texts
from core.metadata.xmp import LIMNER, read_packet
from limner import Size

_CONTROLS = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")
_SAMPLERS = ("KSampler", "KSamplerAdvanced")


def read_settings(data: bytes) -> dict[str, Any]:
    """Returns what is known of a picture's prompt, negative_prompt, seed, size, provider, model and options.

    `tool` names the program that said it. A model and options are meant as that program calls them.
    """
    texts = read_texts(data)
    for read in _READERS:
        with suppress(Exception):
            if (found := _sound(read(texts))).keys() - {"tool"}:
                return found
    return {}


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    """Returns those settings that a request may have."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        with suppress(Rejected, ValueError):
            if name == "tool":
                kept[name] = value
            elif value not in (None, "", {}):
                value = _CONTROLS.sub("", value) if isinstance(value, str) else value
                value = str(Size.parse(value)) if name == "size" else value
                value = int(value) if name == "seed" and isinstance(value, str) else value
                asked: dict[str, Any] = {"prompt": "", name: value}
                kept[name] = getattr(UserRequest(**asked), name)
    return kept


def _from_limner(texts: Texts) -> dict[str, Any]:
    prefix = f"{{{LIMNER}}}"
    said = read_packet(texts.xmp).items()
    found: dict[str, Any] = {name[len(prefix) :]: value for name, value in said if name.startswith(prefix)}
    found = {name: value for name, value in found.items() if name in UserRequest.model_fields}
    if "options" in found:
        found["options"] = json.loads(found["options"])
    return {**found, "tool": TOOL}


def _from_parameters(texts: Texts) -> dict[str, Any]:
    text = texts.by_name["parameters"]
    if not text.startswith("{"):
        return read_parameters(text)
    said = json.loads(text)
    wide_and_high = str(said.get("resolution", "")).strip("()").replace(", ", "x")
    return {
        **{name: said.get(name) for name in ("prompt", "negative_prompt", "seed")},
        **{"size": wide_and_high, "model": said.get("base_model"), "tool": "Fooocus"},
    }


def _from_invoke(texts: Texts) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(texts.by_name["invokeai_metadata"])
    model: dict[str, Any] = said.get("model") or {}
    return {
        "prompt": said.get("positive_prompt"),
        "negative_prompt": said.get("negative_prompt"),
        "seed": said.get("seed"),
        "size": f"{said.get('width')}x{said.get('height')}",
        "model": model.get("name"),
        "tool": "InvokeAI",
    }


def _from_comfy(texts: Texts) -> dict[str, Any]:
    """Reads a workflow with one sampler; what its inputs get from nodes of other kinds is not told."""
    nodes: dict[str, Any] = json.loads(texts.by_name["prompt"])
    samplers = [node for node in nodes.values() if node.get("class_type") in _SAMPLERS]
    if len(samplers) != 1:
        return {}
    inputs = samplers[0]["inputs"]

    def told(name: str, kind: str, field: str) -> Any:
        """Returns a plain value of the node from which the sampler gets this input, if it is of that kind."""
        link = inputs.get(name)
        node = nodes.get(str(cast("list[Any]", link)[0])) if isinstance(link, list) and link else None
        value = node["inputs"].get(field) if node and node.get("class_type") == kind else None
        return None if isinstance(value, list | dict) else value

    seed = inputs.get("seed", inputs.get("noise_seed"))
    size = [told("latent_image", "EmptyLatentImage", side) for side in ("width", "height")]
    return {
        "prompt": told("positive", "CLIPTextEncode", "text"),
        "negative_prompt": told("negative", "CLIPTextEncode", "text"),
        "seed": seed if isinstance(seed, int) else None,
        "size": f"{size[0]}x{size[1]}",
        "model": told("model", "CheckpointLoaderSimple", "ckpt_name"),
        "tool": "ComfyUI",
    }


_READERS: tuple[Callable[[Texts], dict[str, Any]], ...] = (
    _from_limner,
    _from_parameters,
    _from_invoke,
    _from_comfy,
)
