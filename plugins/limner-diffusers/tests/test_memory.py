"""One pipeline in memory: its turns, its idle limit, and loads that outlive their request."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest
from conftest import TINY, Watched, input_image
from limner_diffusers import loading, memory

from limner import ProviderError


def until(holds: Callable[[], object]) -> None:
    """Waits for what another thread brings about."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "It never came about."
        time.sleep(0.002)


def the_memory() -> memory.Memory:
    return memory.memory_of("cpu")


def test_two_visitors_come_one_after_the_other_and_the_second_is_told() -> None:
    steps: list[tuple[str, str]] = []
    both = threading.Event()

    def hold(words: str) -> None:
        # not while it loads: between that and the picture only the host's turns keep the second one out
        if words.startswith("step"):
            steps.append(("first", words))
            both.wait(30)

    first = Watched(on_step=hold)
    second = Watched(on_step=lambda words: (steps.append(("second", words)), both.set()))
    threads = [threading.Thread(target=first.draw), threading.Thread(target=second.draw)]
    threads[0].start()
    until(lambda: steps)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert second.steps[0] == "waiting for the picture before this one"
    drawn = [who for who, words in steps if words.startswith("step")]
    assert drawn == ["first", "first", "second", "second"]


def test_who_waits_for_a_turn_may_leave() -> None:
    waiting = Watched(stop_at="waiting for the picture before this one")
    first = Watched(on_step=lambda words: waiting.steps or waiting.draw_stopped())
    first.draw()
    assert waiting.steps == ["waiting for the picture before this one"]
    assert Watched().draw()


def test_the_model_stays_until_it_was_idle_for_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[float] = []

    class Timer(threading.Timer):
        def __init__(self, seconds: float, function: Callable[[], None]) -> None:
            timers.append(seconds)
            super().__init__(3600, function)

    monkeypatch.setattr(memory.threading, "Timer", Timer)
    Watched(settings={"idle": 60}).draw()
    kept = the_memory().pipeline
    Watched(settings={"idle": 60}).draw()
    assert the_memory().pipeline is kept
    assert timers == [60, 60, 60, 60], "after each load, and after each picture"
    gone = weakref.ref(kept.transformer)
    kept = None
    the_memory()._drop()
    gc.collect()
    assert (the_memory().pipeline, gone()) == (None, None)


def test_an_idle_limit_of_nothing_frees_it_after_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    gate.open.set()
    Watched(settings={"idle": 0}).draw()
    until(lambda: the_memory().pipeline is None)
    assert gate.loads == 1


def test_what_is_in_use_is_not_dropped() -> None:
    Watched(on_step=lambda words: the_memory()._drop()).draw()
    assert the_memory().pipeline is not None


def test_another_model_takes_the_place_of_the_first(tmp_path) -> None:
    other = tmp_path / "other"
    other.symlink_to(TINY)
    Watched().draw()
    gone = weakref.ref(the_memory().pipeline.transformer)
    Watched(model=str(other)).draw()
    gc.collect()
    assert gone() is None


def test_the_weights_serve_pictures_from_words_and_from_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[bool] = []
    usual = memory.adapted

    def adapted(pipeline: object, takes_pictures: bool) -> object:
        changes.append(takes_pictures)
        return usual(pipeline, takes_pictures)

    monkeypatch.setattr(memory, "adapted", adapted)
    gate = Gate(monkeypatch)
    gate.open.set()
    for images in ((), (input_image(),), (input_image(),), ()):
        Watched(images=images).draw()
    assert (changes, gate.loads) == ([True, False], 1)


class Gate:
    """A load that waits, so that a test can look at what goes on meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loads = 0
        self.open = threading.Event()
        self._load = loading.pipeline_of
        monkeypatch.setattr(loading, "pipeline_of", self)

    def __call__(self, *arguments):
        self.loads += 1
        assert self.open.wait(30)
        return self._load(*arguments)


def test_stop_ends_a_request_while_its_model_is_loaded_and_the_load_is_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(monkeypatch)
    assert Watched(stop_at="loading the model").draw_stopped() == ["loading the model"]
    waits = Watched(stop_at="waiting for the picture before this one")
    assert waits.draw_stopped() == ["waiting for the picture before this one"]
    gate.open.set()
    until(lambda: the_memory().pipeline)
    Watched().draw()
    assert gate.loads == 1


def test_a_load_that_was_left_and_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    usual, gate._load = gate._load, lambda *_: 1 / 0
    Watched(stop_at="loading the model").draw_stopped()
    gate.open.set()
    until(lambda: not the_memory()._busy.locked())
    gate._load = usual
    Watched().draw()
    assert gate.loads == 2


@pytest.mark.parametrize("stage", ["load", "draw"])
def test_a_memory_that_is_too_small_is_said_and_emptied(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from diffusers import Flux2KleinPipeline

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with monkeypatch.context() as patch:
        patch.setattr(Flux2KleinPipeline, "from_pretrained" if stage == "load" else "encode_prompt", fail)
        with pytest.raises(ProviderError) as failed:
            Watched().draw()
    assert (failed.value.category, failed.value.did_not_run) == ("provider", True)
    assert "choose a smaller size" in (failed.value.why or "")
    assert the_memory().pipeline is None
    assert Watched().draw()
