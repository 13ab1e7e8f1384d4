"""Faulty in what becomes of pictures: each test class says which test fails, and with which words."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from io import BytesIO
from typing import Any

from paint import Answered, Paint, Retouch
from paint_suites import PaintSuite

from limner import ImageInputs, ImageRequest, ImageResult, ProviderError, ProviderInfo, hookimpl
from limner.testing import picture

DESCRIPTION = "Describing a provider"
REQUEST = "The request"
RESULT = "The result"
FAILS = "Failures"

RECEIVES = "test_the_service_receives_each_picture_as_it_is"
NO_TEXT = "test_the_pictures_are_in_no_text"
TYPES = "test_(the_rest_of_the_result_has_its_types|its_continuation_continues)"


class DropsPictures(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        return super().body(replace(request, images=()))


class TestDropsPictures(PaintSuite):
    plugin = DropsPictures()
    expected = RECEIVES, "Picture 1 changes nothing in what the service receives", DESCRIPTION


class DropsTheSecond(Retouch):
    async def post(self, request: ImageRequest) -> Answered:
        return await super().post(replace(request, images=request.images[:1]))


class TestDropsTheSecond(PaintSuite):
    plugin = DropsTheSecond()
    expected = RECEIVES, "Picture 2 changes nothing in what the service receives", DESCRIPTION


class EncodesAgain(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        from PIL import Image

        images: list[Any] = []
        for image in request.images:
            file = BytesIO()
            Image.open(BytesIO(image.data)).save(file, "PNG", compress_level=1)
            images.append(replace(image, data=file.getvalue(), media_type="image/png"))
        return super().body(replace(request, images=tuple(images)))


class TestEncodesAgain(PaintSuite):
    plugin = EncodesAgain()
    expected = RECEIVES, "receives picture 1, in image/png, with other bytes than the request has", REQUEST


class IgnoresTheMask(Retouch):
    async def post(self, request: ImageRequest) -> Answered:
        return await super().post(replace(request, mask=None))


class TestIgnoresTheMask(PaintSuite):
    plugin = IgnoresTheMask()
    expected = "test_the_mask_changes_what_the_service_receives", "The mask of its model", REQUEST


class SendsNoMaskedArea(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        body = super().body(request)
        return {**body, "mask": body["mask"] and "everywhere"}


class TestSendsNoMaskedArea(PaintSuite):
    plugin = SendsNoMaskedArea()
    expected = "test_the_mask_changes_what_the_service_receives", "The mask of its model", REQUEST


class DislikesMasks(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        if request.mask:
            raise ProviderError("invalid-request")
        return super().body(request)


class TestDislikesMasks(PaintSuite):
    plugin = DislikesMasks()
    expected = (
        "test_a_mask_makes_a_picture",
        r"1 picture \(image/png\), a mask.* the failure invalid-request",
        REQUEST,
    )


class DislikesWebP(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        if any(image.media_type == "image/webp" for image in request.images):
            raise ProviderError("invalid-request")
        return super().body(request)


class TestDislikesWebP(PaintSuite):
    plugin = DislikesWebP()
    expected = (
        "test_each_media_type_makes_a_picture",
        r"1 picture \(image/webp\).* the failure invalid-request",
        REQUEST,
    )


class TakesOneLess(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        if len(request.images) == 3:
            raise ProviderError("invalid-request")
        return super().body(request)


class TestTakesOneLess(PaintSuite):
    plugin = TakesOneLess()
    expected = (
        "test_(as_few_and_as_many_pictures_as_it_takes_make_one|a_mask_makes_a_picture)",
        "3 pictures .* the failure invalid-request",
        REQUEST,
    )


class NeedsAPicture(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        if not request.images:
            raise ProviderError("invalid-request")
        return super().body(request)


class TestNeedsAPicture(PaintSuite):
    plugin = NeedsAPicture()
    expected = "", "least=0, but for words alone|invalid-request|before it could be cancelled", ""


class LogsPictures(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        logging.getLogger("paint").info("asking with %.300s", json.dumps(self.body(request)["pictures"]))
        return await super().post(request)


class TestLogsPictures(PaintSuite):
    plugin = LogsPictures()
    expected = NO_TEXT, "A picture of the request is in a line of its log", FAILS


class PrintsPictures(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        for image in request.images:
            print(f"asking with {image.data_uri}")
        return await super().post(request)


class TestPrintsPictures(PaintSuite):
    plugin = PrintsPictures()
    expected = NO_TEXT, "is in what it prints", FAILS


class QuotesPictures(Retouch):
    async def post(self, request: ImageRequest) -> Answered:
        answered = await super().post(request)
        if answered[0] == 422:
            raise ProviderError("invalid-request", why=f"It did not take {request.images[0].data!r}.")
        return answered


class TestQuotesPictures(PaintSuite):
    plugin = QuotesPictures()
    expected = NO_TEXT, "is in the error's (text|attributes)", FAILS


class RepeatsTheService(Paint):
    def result(self, status: int, headers: dict[str, str], content: bytes) -> ImageResult:
        if status == 500:
            raise ProviderError("unavailable", content.decode())
        return super().result(status, headers, content)


class TestRepeatsTheService(PaintSuite):
    plugin = RepeatsTheService()
    expected = NO_TEXT, "is in the error's service_message", FAILS


class Says(Paint):
    def __init__(self, **said: Any) -> None:
        self.said = said

    def result(self, *answered: Any) -> ImageResult:
        return replace(super().result(*answered), **self.said)


class TestSpeaksInBytes(PaintSuite):
    plugin = Says(text=b"Here it is.")
    expected = TYPES, "text is a bytes: use a text or None", RESULT


class TestContinuesWithBytes(PaintSuite):
    plugin = Says(continuation={"signature": b"\0\1"})
    expected = TYPES, "continuation holds more than plain JSON values", RESULT


class TestContinuesAtLength(PaintSuite):
    plugin = Says(continuation=["x" * 4_000_000])
    expected = TYPES, "continuation takes 4,000,004 characters as JSON", RESULT


class LosesItsPlace(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        if request.continuation:
            raise ProviderError("invalid-request")
        return super().body(request)


class TestLosesItsPlace(PaintSuite):
    plugin = LosesItsPlace()
    expected = (
        "test_its_continuation_continues",
        "a continuation there was no picture, but the failure invalid-request",
        REQUEST,
    )


class Shows(Paint):
    def __init__(self, preview: Any) -> None:
        self.preview = preview

    async def post(self, request: ImageRequest) -> Answered:
        request.preview(self.preview)
        return await super().post(request)


class TestShowsText(PaintSuite):
    plugin = Shows("data:image/png;base64,")
    expected = "test_its_previews_are_pictures", "passes a str to request.preview: pass bytes", REQUEST


class TestShowsHalfAPicture(PaintSuite):
    plugin = Shows(b"\x89PNG\r\n\x1a\n\0\0")
    expected = "test_its_previews_are_pictures", "is not shown: The picture is cut off", REQUEST


class TestShowsALargeFile(PaintSuite):
    plugin = Shows(picture() + bytes(2_000_000))
    expected = "test_its_previews_are_pictures", "A preview has 2,000,[0-9]+ bytes: pass 2,000,000", REQUEST


class TestShowsManyPixels(PaintSuite):
    plugin = Shows(picture(2001, 2000))
    expected = "test_its_previews_are_pictures", "is not shown: The picture is 2001 x 2000 pixels", REQUEST


class ForgetsTheSeedInAForm(Retouch):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        return {**super().body(request), "seed": 1}


class TestForgetsTheSeedInAForm(PaintSuite):
    plugin = ForgetsTheSeedInAForm()
    expected = "test_what_it_declares_it_sends", "The seed of its model paint-1 changes nothing", DESCRIPTION


class TakesTooFew(Paint):
    @hookimpl
    def describe(self) -> ProviderInfo:
        self.images = ImageInputs(least=3, most=2)
        return super().describe()


class TestTakesTooFew(PaintSuite):
    plugin = TakesTooFew()
    expected = (
        "test_describe_gives_facts_that_can_be_shown",
        "describe returns a wrong ImageInputs: least is 3, more than most, which is 2",
        DESCRIPTION,
    )


class TakesDocuments(Paint):
    @hookimpl
    def describe(self) -> ProviderInfo:
        self.images = ImageInputs(media_types=("application/pdf",))
        return super().describe()


class TestTakesDocuments(PaintSuite):
    plugin = TakesDocuments()
    expected = (
        "test_describe_gives_facts_that_can_be_shown",
        "a wrong ImageInputs.media_types: application/pdf is none of image/png, image/jpeg",
        DESCRIPTION,
    )
