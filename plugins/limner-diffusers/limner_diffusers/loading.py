"""Loads a pipeline in a thread of its own, since a load takes long, and nothing can interrupt it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner_diffusers.device import precision_of
from limner_diffusers.progress import POLL, Progress, Step


@dataclass(frozen=True)
class Source:
    """Where a pipeline comes from, and whether it is the one that takes pictures."""

    model: str
    """An id of the Hub, or a local folder."""
    takes_pictures: bool
    token: str | None = field(default=None, repr=False, compare=False)

    @property
    def folder(self) -> Path | None:
        """The local folder, if it is one."""
        folder = Path(self.model).expanduser()
        return folder if folder.is_dir() else None


def pipeline_of(source: Source, device: str, on_part: Callable[[float], None] = lambda _: None) -> Any:
    """Returns a pipeline, still in the machine's own memory; the Hub's is downloaded first if need be.

    Weights in the form of Python's pickle, and code from the Hub, are not loaded: they could run anything.
    """
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image

    kind = AutoPipelineForImage2Image if source.takes_pictures else AutoPipelineForText2Image
    with counted_parts(on_part):
        pipeline = kind.from_pretrained(
            str(source.folder or source.model),
            dtype=precision_of(device),
            use_safetensors=True,
            token=source.token or False,  # False: not the one that somebody has logged in with
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def adapted(pipeline: Any, takes_pictures: bool) -> Any:
    """Returns the pipeline of the same weights that takes pictures, or the one that takes none."""
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image

    kind = AutoPipelineForImage2Image if takes_pictures else AutoPipelineForText2Image
    other = kind.from_pipe(pipeline)
    other.set_progress_bar_config(disable=True)
    if getattr(pipeline, "_all_hooks", None):
        other.enable_model_cpu_offload(device=pipeline._offload_device)
    return other


@contextmanager
def counted_parts(on_part: Callable[[float], None]) -> Iterator[None]:
    """Has the share of a pipeline's parts that are loaded told, where diffusers would draw a bar."""
    from diffusers.utils import logging

    bar = logging.tqdm

    def count(items: Iterable[Any], **how: Any) -> Iterator[Any]:
        if not str(how.get("desc")).startswith("Loading pipeline components"):
            yield from items
            return
        parts = list(items)
        for number, part in enumerate(parts):
            on_part(number / len(parts))
            yield part

    logging.tqdm = count
    try:
        yield
    finally:
        logging.tqdm = bar


class Loading:
    """A load under way."""

    def __init__(self, source: Source, device: str) -> None:
        self.pipeline: Any = None
        self._source, self._device = source, device
        self._share: float | None = None
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._then: Callable[[], None] | None = None
        threading.Thread(target=self._run, daemon=True, name="limner-diffusers-load").start()

    def wait(self, progress: Progress) -> Any:
        """Returns the pipeline; raises what loading it raises, and CancelConfirmed if nobody waits."""
        while not self._ended.wait(POLL):
            progress.show(self._step())
        if self._error:
            raise self._error
        return self.pipeline

    def leave(self, then: Callable[[], None]) -> bool:
        """Has the load call something at its end; returns False if it has ended already."""
        with self._lock:
            if self._ended.is_set():
                return False
            self._then = then
            return True

    def _run(self) -> None:
        try:
            self.pipeline = pipeline_of(self._source, self._device, self._count)
        except BaseException as error:  # whatever it is, it belongs to the request
            self._error = error
        with self._lock:
            self._ended.set()
        if self._then:
            self._then()

    def _count(self, share: float) -> None:
        self._share = share

    def _step(self) -> Step:
        if self._share is not None or self._source.folder:
            return Step("loading the model", self._share)
        return Step(f"downloading the model, {downloaded(self._source.model) / 1e9:.1f} GB are here")


def downloaded(model: str) -> int:
    """Returns the bytes of a model of the Hub that are on this machine, whole or in part."""
    from huggingface_hub import constants

    blobs = Path(constants.HF_HUB_CACHE, f"models--{model.replace('/', '--')}", "blobs")
    try:
        return sum(file.stat().st_size for file in blobs.iterdir())
    except OSError:  # none yet, or one was just renamed
        return 0
