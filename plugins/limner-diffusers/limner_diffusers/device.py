"""The device that computes: which one, in which precision, and how a pipeline is put on it."""

from __future__ import annotations

import gc
from typing import Any

ROOM = 1.2
"""How much more memory than its weights a model needs while it draws."""


def name_of(device: str) -> str:
    """Returns the name of a device; the best one that there is for ``auto``."""
    import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "xpu" if hasattr(torch, "xpu") and torch.xpu.is_available() else "cpu"


def precision_of(device: str) -> Any:
    """Returns the type of the numbers: bfloat16 where the device has it, and float32 on a processor."""
    import torch

    if device == "cpu":
        return torch.float32
    if device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def put_on(pipeline: Any, device: str) -> None:
    """Puts a pipeline on the device, its parts in turn if they do not fit in its free memory together."""
    import torch

    if device.startswith("cuda") and size_of(pipeline) * ROOM > torch.cuda.mem_get_info(device)[0]:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)


def size_of(pipeline: Any) -> int:
    """Returns the bytes of a pipeline's weights."""
    return sum(
        parameter.numel() * parameter.element_size()
        for part in pipeline.components.values()
        if hasattr(part, "parameters")
        for parameter in part.parameters()
    )


def clear(device: str) -> None:
    """Frees the memory that nothing refers to any more."""
    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device in ("mps", "xpu"):
        getattr(torch, device).empty_cache()
