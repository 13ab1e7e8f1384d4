"""On ZeroGPU the same drawing runs in a process that is lent: here in a stand-in that shares nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import limner_diffusers
import pytest
from conftest import Watched, input_image
from limner_diffusers import drawing

from limner import ContentFiltered, ProviderError


def GPU(steps: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    """Passes on nothing but what can be pickled, and hides errors, as ZeroGPU does."""

    def there(job: Any) -> Iterator[Any]:
        lent = steps(pickle.loads(pickle.dumps(job)))
        try:
            for outcome in lent:
                yield pickle.loads(pickle.dumps(outcome))
        except Exception as error:
            raise RuntimeError(type(error).__name__) from None
        finally:
            lent.close()

    return there


@pytest.fixture(autouse=True)
def zero_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=GPU))
    from limner_diffusers.gpu import on_gpu

    monkeypatch.setattr(limner_diffusers, "draw", on_gpu(drawing.draw))


@pytest.mark.parametrize("images", [(), (input_image(),)])
def test_the_picture_and_its_steps_are_the_same_there(images: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Watched(images=images)
    picture = there.draw().image
    assert there.steps[-3:] == ["preparing", "step 1 of 2", "step 2 of 2"]
    monkeypatch.setattr(limner_diffusers, "draw", drawing.draw)
    assert Watched(images=images).draw().image.tobytes() == picture.tobytes()


def test_stop_ends_it_there_after_one_more_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    done: list[int] = []
    step = FlowMatchEulerDiscreteScheduler.step

    def counted(*arguments: Any, **more: Any) -> Any:
        done.append(1)
        return step(*arguments, **more)

    monkeypatch.setattr(FlowMatchEulerDiscreteScheduler, "step", counted)
    Watched(stop_at="step 2 of 100", options={"steps": 100}).draw_stopped()
    assert 2 <= len(done) <= 4, "the step at which it was stopped, and those that were under way"


@pytest.mark.parametrize(
    ("raised", "arrives"),
    [
        (ContentFiltered(why="Flagged."), ContentFiltered),
        (MemoryError(), ProviderError),
        (ZeroDivisionError("a secret"), RuntimeError),
    ],
)
def test_errors_of_the_contract_arrive_as_they_are(
    raised: Exception, arrives: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import Flux2KleinPipeline

    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(Flux2KleinPipeline, "encode_prompt", fail)
    with pytest.raises(arrives) as failed:
        Watched().draw()
    if arrives is ProviderError:
        assert "choose a smaller size" in str(failed.value)
        assert failed.value.did_not_run


def test_it_is_decorated_at_the_start_and_only_there() -> None:
    code = """
import sys
from types import SimpleNamespace
sys.modules["spaces"] = SimpleNamespace(GPU=lambda steps: print("decorated") or steps)
import limner_diffusers
print("limner_diffusers.gpu" in sys.modules, "torch" in sys.modules)
"""
    for set_to, said in (("true", "decorated\nTrue False\n"), ("", "False False\n")):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"SPACES_ZERO_GPU": set_to},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.stdout == said, ran.stderr
