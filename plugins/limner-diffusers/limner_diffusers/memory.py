"""The one pipeline that is in the memory of a device, and the turns in which requests use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limner import CancelConfirmed, LimnerError
from limner_diffusers import device as devices
from limner_diffusers.loading import Loading, Source, adapted, pipeline_of
from limner_diffusers.progress import POLL, Progress, Step


class Memory:
    """A device with at most one pipeline, which one request uses at a time."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.pipeline: Any = None
        self._source: Source | None = None
        self._is_on_device = False
        self._busy = threading.Lock()
        """Held by the request whose turn it is, or by a load that its request has left."""
        self._is_handed_over = False
        self._timer: threading.Timer | None = None

    @contextmanager
    def turn(self, progress: Progress, idle: float) -> Iterator[None]:
        """Waits until the device is free, and keeps it for one request.

        The pipeline stays in memory for `idle` seconds afterwards, unless it failed.
        """
        while not self._busy.acquire(timeout=POLL):
            progress.show(Step("waiting for the picture before this one"))
        if self._timer:
            self._timer.cancel()
        self._idle, self._is_handed_over = idle, False
        try:
            yield
        except (CancelConfirmed, LimnerError):
            raise
        except BaseException:  # it may be half on the device
            self._forget()
            raise
        finally:
            if not self._is_handed_over:
                self._end_turn()

    def load(self, source: Source, progress: Progress) -> None:
        """Has a pipeline loaded, unless it is there; only in a turn.

        If nobody waits any more the load goes on, and holds the device: its model is there for the next one.
        """
        if self._source and self._source.model == source.model:
            self._adapt(source)
            return
        self._forget()
        loading = Loading(source, self.device)

        def end() -> None:
            self._keep(source, loading.pipeline)
            self._end_turn()

        try:
            self._keep(source, loading.wait(progress))
        except CancelConfirmed:
            self._is_handed_over = loading.leave(end)
            raise

    def ready(self, source: Source) -> Any:
        """Returns the pipeline on the device; loads it here if another process was to have it."""
        if self._source is None or self._source.model != source.model:
            self._forget()
            self._keep(source, pipeline_of(source, self.device))
        self._adapt(source)
        if not self._is_on_device:
            devices.put_on(self.pipeline, self.device)
            self._is_on_device = True
        return self.pipeline

    def _adapt(self, source: Source) -> None:
        if self._source and self._source.takes_pictures != source.takes_pictures:
            self._source, self.pipeline = source, adapted(self.pipeline, source.takes_pictures)

    def _keep(self, source: Source, pipeline: Any) -> None:
        """Keeps what a load brought; nothing if it failed."""
        if pipeline is not None:
            self._source, self.pipeline, self._is_on_device = source, pipeline, False

    def _forget(self) -> None:
        if self._source:
            self._source = self.pipeline = None
            devices.clear(self.device)

    def _end_turn(self) -> None:
        self._timer = timer = threading.Timer(self._idle, self._drop)
        timer.daemon = True
        self._busy.release()
        timer.start()  # only now, since it drops nothing that is in use; the next turn may have cancelled it

    def _drop(self) -> None:
        """Forgets the pipeline, unless somebody uses it just now."""
        if self._busy.acquire(blocking=False):
            self._forget()
            self._busy.release()


_memories: dict[str, Memory] = {}
_lock = threading.Lock()


def memory_of(device: str) -> Memory:
    """Returns the memory of a device, of which there is one for all requests."""
    name = devices.name_of(device)
    with _lock:
        return _memories.setdefault(name, Memory(name))
