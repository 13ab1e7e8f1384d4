"""Draws inside of ZeroGPU, which lends a process with a graphics card for one call; imported nowhere else.

That process is a copy of this one. It gets the job and hands back one step after another, which is all that
goes from one to the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from limner import LimnerError, ProviderError
from limner.errors import Category
from limner_diffusers.drawing import Job
from limner_diffusers.failures import explained
from limner_diffusers.progress import Step

if TYPE_CHECKING:
    from PIL.Image import Image

Draw = Callable[[Job, Callable[[Step], None]], "Image"]


NOT_LENT: dict[str, Category] = {
    "ZeroGPU quota exceeded": "quota",
    "ZeroGPU pending credits exceeded": "quota",
    "ZeroGPU illegal duration": "invalid-request",
    "ZeroGPU queue timeout": "unavailable",
    "ZeroGPU client error": "unavailable",
}
"""The titles of the errors with which ZeroGPU lends no card."""


class Closed(BaseException):
    """Nobody takes the steps any more."""


def on_gpu(draw: Draw) -> Draw:
    """Returns the function that draws in a process with a graphics card."""
    import spaces

    @spaces.GPU
    def steps(job: Job) -> Generator[Any, None, None]:
        yield from stepwise(draw, job)

    def draw_there(job: Job, show: Callable[[Step], None]) -> Image:
        made = steps(job)
        try:
            for outcome in made:
                if isinstance(outcome, LimnerError):
                    raise outcome
                if not isinstance(outcome, Step):
                    return outcome
                show(outcome)
        except Exception as error:
            category = NOT_LENT.get(getattr(error, "title", ""))
            if category is None:
                raise
            raise ProviderError(category, str(error.message), did_not_run=True) from error
        finally:
            made.close()  # which ends the drawing after its next step
        raise RuntimeError("ZeroGPU returned no picture")

    return draw_there


def stepwise(draw: Draw, job: Job) -> Generator[Step | LimnerError | Image, None, None]:
    """Yields each step of a drawing, and then its picture, or the error of the contract in which it ends."""
    outcomes: SimpleQueue[Any] = SimpleQueue()
    is_closed = threading.Event()

    def show(step: Step) -> None:
        if is_closed.is_set():
            raise Closed
        outcomes.put(step)

    def work() -> None:
        try:
            with explained(job.source.model):
                outcomes.put(draw(job, show))
        except (Exception, Closed) as error:
            outcomes.put(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        outcome = outcomes.get()
        while isinstance(outcome, Step):
            yield outcome
            outcome = outcomes.get()
    finally:
        is_closed.set()
        worker.join()
    if isinstance(outcome, Exception) and not isinstance(outcome, LimnerError):
        raise outcome
    yield outcome
