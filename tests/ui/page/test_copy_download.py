"""The picture leaves the page: as a file, and as a PNG on the clipboard."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.chat import Chat, seed
from tests.ui.conftest import SHAPES

pytestmark = pytest.mark.browser

PIXELS = """async (bitmap) => {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}"""
SAME_ON_THE_CLIPBOARD = f"""async (image) => {{
  const pixels = {PIXELS};
  const [item] = await navigator.clipboard.read();
  const copied = await createImageBitmap(await item.getType("image/png"));
  const shown = Object.assign(new Image(), {{ src: image.dataset.full }});
  await shown.decode();
  const [a, b] = [await pixels(copied), await pixels(await createImageBitmap(shown))];
  const same = a.length === b.length && a.every((value, n) => value === b[n]);
  return [item.types.join(), copied.width, copied.height, same];
}}"""


@pytest.fixture(scope="module")
def shapes() -> Iterator[Any]:
    """Returns the module of the test provider, for what it sends."""
    sys.path.insert(0, str(SHAPES))
    yield importlib.import_module("limner_shapes.shapes")
    sys.path.remove(str(SHAPES))


def _download(chat: Chat, answer: Locator) -> tuple[str, bytes]:
    with chat.page.expect_download() as begun:
        answer.get_by_role("link", name="Download image").click()
    return begun.value.suggested_filename, Path(begun.value.path()).read_bytes()


def test_copy_puts_a_png_on_the_clipboard(chat: Chat) -> None:
    """G11, C7: whatever the picture's type, and pixel for pixel what the browser shows."""
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    for kind in ("png", "jpeg", "webp", "gif", "svg", "huge"):
        answer = chat.ask(f"A boat #{kind}")
        image = chat.picture(answer)

        chat.action(answer, "Copy image").click()

        expect(chat.spoken).to_have_text("Copied.")
        types, width, height, same = image.evaluate(SAME_ON_THE_CLIPBOARD)
        assert (types, same) == ("image/png", True), kind
        assert (width, height) == ((2000, 1250) if kind == "huge" else (320, 240)), kind
        chat.page.evaluate("() => document.querySelector('.limner-announcer').replaceChildren()")


def test_where_the_browser_refuses_copy_says_what_to_do(chat: Chat) -> None:
    """C7: the failure is not swallowed."""
    answer = chat.ask("A boat")
    for refusal in (
        "void (navigator.clipboard.write = () => Promise.reject(new DOMException('no', 'NotAllowedError')))",
        "Object.defineProperty(navigator, 'clipboard', { value: undefined })",
    ):
        chat.page.evaluate(refusal)

        chat.action(answer, "Copy image").click()

        expect(chat.toasts.last).to_contain_text(
            "right-click the picture and choose Copy image, or download it"
        )
        chat.page.evaluate("() => document.querySelector('.limner-announcer').replaceChildren()")


def test_the_download_is_what_the_provider_sent(chat: Chat, shapes: Any) -> None:
    """C6, G11: byte for byte, under a name of the prompt's words and the extension of the bytes."""
    for kind, extension in (
        ("png", "png"),
        ("jpeg", "jpg"),
        ("webp", "webp"),
        ("gif", "gif"),
        ("transparent", "png"),
    ):
        answer = chat.ask(f"A boat: #{kind}!")

        name, data = _download(chat, answer)

        assert name == f"a-boat-{kind}.{extension}"
        assert data == shapes.picture({kind}, seed(answer))


def test_data_uris_of_every_encoding_come_out_whole(chat: Chat, shapes: Any) -> None:
    """C8: percent-encoded, with commas, and with invalid percent escapes; downloaded and copied whole."""
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    for tags in ({"percent"}, {"percent", "jpeg"}, {"svg"}, {"svg-base64"}, {"svg-unescaped"}):
        answer = chat.ask("A boat " + " ".join(f"#{tag}" for tag in sorted(tags)))
        image = chat.picture(answer)

        _, data = _download(chat, answer)
        chat.action(answer, "Copy image").click()

        sent = shapes.picture(tags - {"percent"}, seed(answer)) if "percent" in tags else shapes.SVG.encode()
        assert data == sent, tags
        expect(chat.spoken).to_have_text("Copied.")
        assert image.evaluate(SAME_ON_THE_CLIPBOARD)[1:] == [320, 240, True], tags
        chat.page.evaluate("() => document.querySelector('.limner-announcer').replaceChildren()")


def test_file_names_are_safe(chat: Chat) -> None:
    """C6: from the prompt where it has words, else a plain name; nothing that a system trips over."""
    for prompt, name in (
        ("../../etc/passwd\n<b>${x}", "etc-passwd-b-x.png"),
        ("灯台 と Größe", "灯台-と-größe.png"),
        ("CON", "picture.png"),
        ("?!", "picture.png"),
    ):
        assert _download(chat, chat.ask(prompt))[0] == name
