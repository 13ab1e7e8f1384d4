"""Tests of the pictures that go into a request."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest

from limner.info import ModelInfo
from limner.inputs import ImageInputs, InputImage
from limner.request import ImageRequest
from limner.size import Size
from limner.testing.generate import GenerateTests, sent_for, wrong_type
from limner.testing.loopback import Reply
from limner.testing.pictures import input_image, input_images, input_mask
from limner.testing.report import DESCRIPTION, FAILS, REQUEST, RESULT, fail
from limner.testing.runner import Outcome, Runner
from limner.testing.texts import CONTINUATION, texts_of

ANOTHER = 20
"""The number of a picture that stands in no other place."""
PIECE = 48
"""Characters of a picture, written as text, that count as having it there."""


class InputTests(GenerateTests):
    """Each picture that a model declares is taken, and reaches the service as it is and nobody else."""

    def test_as_few_and_as_many_pictures_as_it_takes_make_one(self, editor: ModelInfo) -> None:
        inputs = _inputs(editor)
        counts = dict.fromkeys((inputs.least, max(inputs.least, 1), inputs.most))
        for outcome in self.ask(*(self._request(editor, count) for count in counts)):
            if outcome.result is None and not outcome.request.images:
                fail(
                    f"Its model {editor.id} declares least=0, but for words alone there was the failure "
                    f"{outcome.category}: declare least=1 if it only edits.",
                    DESCRIPTION,
                    outcome.error,
                )
            self._check_picture(outcome)

    def test_each_media_type_makes_a_picture(self, editor: ModelInfo) -> None:
        inputs = _inputs(editor)
        count = max(inputs.least, 1)
        for outcome in self.ask(*(self._request(editor, count, one) for one in inputs.media_types)):
            self._check_picture(outcome)

    def test_a_mask_makes_a_picture(self, editor: ModelInfo) -> None:
        inputs = _inputs(editor)
        if not inputs.mask:
            pytest.skip("it declares no mask")
        counts = dict.fromkeys((max(inputs.least, 1), inputs.most))
        for outcome in self.ask(*(_masked(self._request(editor, count)) for count in counts)):
            self._check_picture(outcome)

    def test_the_service_receives_each_picture_as_it_is(self, editor: ModelInfo) -> None:
        self.need_service()
        inputs = _inputs(editor)
        first, *others = inputs.media_types
        requests = [self._request(editor, inputs.most, first)]
        requests += [self._request(editor, max(inputs.least, 1), other) for other in others]

        async def look(runner: Runner) -> tuple[InputImage, int, bool] | None:
            for request in requests:
                sent, outcome = await sent_for(runner, request)
                if outcome.error:  # which the tests above report
                    continue
                bodies = [received.body for received in runner.service.requests]
                for place, image in enumerate(request.images):
                    if not was_sent(image.data, bodies):
                        instead, _ = await sent_for(runner, _with_another(request, place))
                        return image, place, sent == instead
            return None

        if not (found := self.run(look)):
            return
        image, place, is_dropped = found
        if is_dropped:
            fail(
                f"Picture {place + 1} changes nothing in what the service receives from its model "
                f"{editor.id}: send all of request.images, or declare as many as it takes.",
                DESCRIPTION,
            )
        fail(
            f"The service receives picture {place + 1}, in {image.media_type}, with other bytes than the "
            f"request has: send its data, base64 or data_uri, and do not encode it again.",
            REQUEST,
        )

    def test_the_mask_changes_what_the_service_receives(self, editor: ModelInfo) -> None:
        self.need_service()
        inputs = _inputs(editor)
        if not inputs.mask:
            pytest.skip("it declares no mask")
        request = self._request(editor, max(inputs.least, 1))

        async def compare(runner: Runner) -> bool:
            requests = request, _masked(request), _masked(request, left=False)
            (without, _), (left, masked), (right, _) = [await sent_for(runner, one) for one in requests]
            return masked.error is not None or without != left != right

        if not self.run(compare):
            fail(
                f"The mask of its model {editor.id} changes nothing in what the service receives: send "
                f"request.mask, or do not declare it.",
                REQUEST,
            )

    def test_the_pictures_are_in_no_text(
        self, editor: ModelInfo, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        inputs = _inputs(editor)
        request = self._request(editor, max(inputs.least, 1))
        request = _masked(request) if inputs.mask else request
        images = [*request.images, *([request.mask] if request.mask else [])]
        caplog.set_level(logging.INFO)
        outcomes = self.ask(request)
        for reply in _echoes(images) if self.has_service else []:
            outcomes += self.ask(request, answer=lambda _, reply=reply: reply)
        pieces = [piece for image in images for piece in _pieces(image)]
        for where, text in texts_of(outcomes, caplog, capfd):
            if where != CONTINUATION and any(piece in text for piece in pieces):
                fail(
                    f"A picture of the request is in {where}: log and repeat neither its bytes nor its "
                    f"base64, and take the service's words from limner.service_words.",
                    FAILS,
                )

    def test_its_continuation_continues(self, editor: ModelInfo) -> None:
        inputs = _inputs(editor)
        (outcome,) = self.ask(self.request(editor))
        if outcome.result is None:
            pytest.skip("it makes no picture: see the tests of its models")
        if wrong := wrong_type(outcome.result):
            fail(f"The result's {wrong}.", RESULT)
        if outcome.result.continuation is None:
            pytest.skip("it has given no continuation")
        stored = json.loads(json.dumps(outcome.result.continuation))
        images = (_made(outcome, inputs), *input_images(editor, inputs.least)[1:])
        (later,) = self.ask(self.request(editor, images=images, continuation=stored))
        self._check_picture(later)

    def _request(self, model: ModelInfo, count: int, media_type: str | None = None) -> ImageRequest:
        return self.request(model, images=input_images(model, count, media_type))


def _inputs(editor: ModelInfo) -> ImageInputs:
    assert editor.images
    return editor.images


def _masked(request: ImageRequest, *, left: bool = True) -> ImageRequest:
    return replace(request, mask=input_mask(request.images[0].size, left=left))


def _with_another(request: ImageRequest, place: int) -> ImageRequest:
    """Returns the request with another picture in one place."""
    images = list(request.images)
    images[place] = input_image(ANOTHER, images[place].media_type)
    return replace(request, images=tuple(images))


def _made(outcome: Outcome, inputs: ImageInputs) -> InputImage:
    """Returns the picture that was made, as the host gives it back; a sample if the model takes no such."""
    made = outcome.picture
    if made is None or made.media_type not in inputs.media_types:
        return input_image(0, inputs.media_types[0])
    sample = input_image(0, made.media_type)
    return replace(sample, data=outcome.data, size=Size(made.width, made.height))


def was_sent(data: bytes, bodies: Sequence[bytes]) -> bool:
    """Whether a picture is in what was sent, in one request or several: raw, or in any base64."""
    whole = b"".join(bodies)
    if data in whole:
        return True
    text = re.sub(rb"\\[nr]|\\(?=/)|\s", b"", unquote_to_bytes(whole)).translate(
        bytes.maketrans(b"-_", b"+/")
    )
    as_numbers = ",".join(map(str, data)).encode()  # as some services take it in JSON
    return base64.b64encode(data).rstrip(b"=") in text or as_numbers in text


def _pieces(image: InputImage) -> Iterator[str]:
    """Returns the pieces of a picture as they stand in a text that quotes some of it."""
    for text in (image.base64, repr(image.data)[2:-1]):
        for start in range(0, len(text) - PIECE + 1, PIECE):
            yield text[start : start + PIECE]


def _echoes(images: Sequence[InputImage]) -> list[Reply]:
    """Returns failures in which the service repeats the pictures, as some do that check what they get."""
    repeated = " ".join(image.data_uri for image in images)
    words = f"The picture cannot be read: {repeated}"
    return [
        Reply(422, {"detail": [{"loc": ["body", "image"], "msg": "not a picture", "input": repeated}]}),
        Reply(400, {"error": {"message": words, "code": "invalid_image"}, "message": words}),
        Reply(500, words),
    ]
