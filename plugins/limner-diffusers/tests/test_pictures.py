"""Pictures of a real pipeline, small and without training: from words, from pictures, and stopped."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import TINY, Watched, input_image
from limner_diffusers import drawing

from limner import ContentFiltered, Size


def test_a_picture_from_words_has_its_size_and_depends_on_the_seed_alone() -> None:
    asked = {"size": Size(96, 64)}
    first, again, other = (Watched(seed=seed, **asked).draw() for seed in (7, 7, 8))
    assert (first.image.size, first.seed, first.model) == ((96, 64), 7, TINY)
    assert first.image.tobytes() == again.image.tobytes() != other.image.tobytes()


def test_the_load_and_each_step_are_shown_with_a_share() -> None:
    watched = Watched()
    watched.draw()
    assert watched.steps[-3:] == ["preparing", "step 1 of 2", "step 2 of 2"]
    assert watched.shares[-3:] == [0, 0.5, 1]
    assert set(watched.steps[:-3]) <= {"loading the model"}


def test_a_load_tells_how_many_parts_are_there() -> None:
    from limner_diffusers.loading import Source, pipeline_of

    shares: list[float] = []
    pipeline_of(Source(TINY, takes_pictures=False), "cpu", shares.append)
    assert shares == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_a_picture_goes_in_and_so_do_two() -> None:
    alone = Watched().draw().image
    with_one, again = (Watched(images=(input_image(),)).draw().image for _ in range(2))
    with_two = Watched(images=(input_image(), input_image(colour="orange"))).draw().image
    assert with_one.tobytes() == again.tobytes()
    assert len({picture.tobytes() for picture in (alone, with_one, with_two)}) == 3
    assert Watched().draw().image.tobytes() == alone.tobytes()


@pytest.mark.parametrize("images", [(), (input_image(),)])
def test_stop_ends_a_picture_before_its_next_step(images: tuple) -> None:
    asked = {"options": {"steps": 100}, "images": images}
    steps = Watched(stop_at="step 2 of 100", **asked).draw_stopped()
    assert steps[-2:] == ["step 1 of 100", "step 2 of 100"]
    assert Watched(images=images).draw().image.size == (64, 64)


def test_what_is_stopped_before_its_first_step_makes_none() -> None:
    assert Watched(stop_at="preparing").draw_stopped()[-1] == "preparing"


def test_a_flagged_picture_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import Flux2KleinPipeline

    made = Flux2KleinPipeline.__call__

    def flag(self, *arguments, **more):
        result = made(self, *arguments, **more)
        result.nsfw_content_detected = [True]
        return result

    flag.__wrapped__ = made
    monkeypatch.setattr(Flux2KleinPipeline, "__call__", flag)
    with pytest.raises(ContentFiltered) as refused:
        Watched().draw()
    assert refused.value.why == drawing.FLAGGED


def test_nothing_heavy_is_imported_before_the_first_picture() -> None:
    code = "import limner_diffusers, sys; limner_diffusers.describe(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"torch", "diffusers", "transformers", "PIL", "huggingface_hub", "limner_diffusers.gpu"}
    assert not heavy & {*ran.stdout.split()}
