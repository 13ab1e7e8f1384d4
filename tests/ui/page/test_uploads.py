"""Pictures of one's own on their way into the composer: by the button, the clipboard and a drop."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Kept

pytestmark = pytest.mark.browser

PICTURES = re.compile(r"/threads/\w+/pictures\?")
HAND_OVER = """({ name, mimeType, data, text, address, events }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt());
  const held = new DataTransfer();
  held.items.add(new File([bytes], name, { type: mimeType }));
  if (text) held.setData("text/plain", text);
  if (address) held.setData("text/uri-list", address);
  for (const kind of events) {
    const options = { bubbles: true, cancelable: true, clipboardData: held, dataTransfer: held };
    const made = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
    document.activeElement.dispatchEvent(made);
  }
}"""


def hand_over(page: Page, file: FilePayload, *events: str, **more: str) -> None:
    """Lets the page have a file as a browser does."""
    about = {"name": file["name"], "mimeType": file["mimeType"]}
    data = base64.b64encode(file["buffer"]).decode()
    page.evaluate(HAND_OVER, {**about, "data": data, "events": [*events], **more})


@pytest.fixture
def retouch(chat: Chat) -> Chat:
    chat.choose("Provider", "Retouch")
    return chat


def test_a_picture_is_pasted_from_the_clipboard(retouch: Chat, kept: Kept) -> None:
    """With the browser's own clipboard and keys."""
    page = retouch.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    retouch.picture(retouch.ask("A boat"))
    retouch.action(retouch.answers.first, "Copy image").click()
    expect(retouch.spoken).to_have_text("Copied.")
    retouch.prompt.fill("Like this")
    page.keyboard.press("ControlOrMeta+v")
    expect(retouch.chips).to_have_count(1)
    retouch.uploaded()
    expect(retouch.prompt).to_have_value("Like this")
    retouch.ask(f"Like this {kept.tag}")
    assert kept.picture(1).size == (320, 320)


def test_what_is_meant_as_text_is_pasted_as_text(retouch: Chat) -> None:
    """A table comes with a picture of itself; a copied file comes with its name."""
    table = picture_file("image.png", "white")
    hand_over(retouch.page, table, "paste", text="a\tb")
    expect(retouch.chips).to_have_count(0)
    hand_over(retouch.page, picture_file("red.png", "red"), "paste", text="red.png")
    expect(retouch.chip(1)).to_contain_text("red.png")


def test_a_picture_is_dropped_anywhere_on_the_page(retouch: Chat, kept: Kept) -> None:
    zone = retouch.page.get_by_text("Drop pictures to add them")
    hand_over(retouch.page, picture_file("red.png", "red"), "dragover")
    expect(zone).to_be_visible()
    retouch.page.evaluate("document.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")
    expect(zone).to_be_hidden()
    hand_over(retouch.page, picture_file("red.png", "red"), "dragover", "drop")
    expect(zone).to_be_hidden()
    expect(retouch.chips).to_have_count(1)
    retouch.uploaded()
    retouch.ask(f"Bluer {kept.tag}")
    assert kept.colours() == [(255, 0, 0)]


def test_it_is_said_that_of_a_moving_picture_only_a_frame_is_used(retouch: Chat) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    hand_over(
        retouch.page, {"name": "walk.gif", "mimeType": "image/gif", "buffer": moving.getvalue()}, "paste"
    )
    expect(retouch.toasts).to_contain_text("walk.gif moves: only its first frame is used.")


def test_a_picture_of_the_page_itself_is_not_uploaded_again(retouch: Chat) -> None:
    answer = retouch.ask("A boat")
    source = retouch.source(answer)
    thumbnail = retouch.picture(answer).get_attribute("src")
    posts: list[str] = []
    retouch.page.on(
        "request", lambda request: posts.append(request.url) if request.method == "POST" else None
    )
    dragged = picture_file("a-boat.png", "red")
    for address in (source, thumbnail):
        hand_over(retouch.page, dragged, "dragover", "drop", address=f"{retouch.url}/{address}")
        expect(retouch.chip(1).locator("img").first).to_have_attribute("data-full", f"/{source}")
        retouch.page.get_by_role("button", name="Remove image 1").click()
    assert posts == []


def test_what_is_no_picture_is_said_and_the_others_stay(retouch: Chat) -> None:
    page = retouch.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add pictures").click()
    broken: FilePayload = {"name": "<b>notes</b>.png", "mimeType": "image/png", "buffer": b"no picture"}
    chooser.value.set_files([broken, picture_file("red.png", "red")])

    failure = retouch.failures.get_by_role("alert")
    expect(failure).to_have_count(1)
    expect(failure).to_contain_text("<b>notes</b>.png ")
    assert failure.inner_text().count(".") >= 2, "the name, and a sentence"
    expect(retouch.chips).to_have_count(1)
    expect(retouch.chip(1)).to_contain_text("red.png")
    retouch.failures.get_by_role("button", name=re.compile("Dismiss")).click()
    expect(failure).to_have_count(0)
    expect(retouch.prompt).to_be_focused()


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(retouch: Chat) -> None:
    """One that a reload interrupts is said."""
    page = retouch.page
    held: list[Route] = []
    page.route(PICTURES, lambda route: held.append(route))
    hand_over(page, picture_file("red.png", "red"), "paste")
    hand_over(page, picture_file("blue.png", "blue"), "paste")
    expect(page.get_by_role("progressbar", name="Upload of image 1")).to_be_visible()
    expect(retouch.chip(1)).to_contain_text("Uploading…")
    with page.expect_event("requestfailed", lambda request: request == held[0].request):
        page.get_by_role("button", name="Stop uploading image 1").click()
    expect(retouch.chips).to_have_count(1)
    expect(retouch.failures.get_by_role("alert")).to_have_count(0)
    held[1].continue_()
    retouch.uploaded()
    expect(retouch.chip(1)).to_contain_text("blue.png")

    hand_over(page, picture_file("red.png", "red"), "paste")
    expect(retouch.chips).to_have_count(2)
    retouch.reload()
    expect(retouch.chips).to_have_text([re.compile("^image 1blue.png")])
    failure = retouch.failures.get_by_role("alert")
    expect(failure).to_have_text("red.png The upload was interrupted: add it again.")
    retouch.reload()
    expect(retouch.chips).to_have_count(1)
    expect(failure).to_have_count(0)


def test_create_waits_for_what_is_being_uploaded(retouch: Chat, kept: Kept) -> None:
    """A prompt that waits and is changed is left to the person."""
    page = retouch.page
    held: list[Route] = []
    page.route(PICTURES, lambda route: held.append(route))
    hand_over(page, picture_file("red.png", "red"), "paste")
    retouch.prompt.fill("Bluer")
    retouch.create.click()
    expect(page.get_by_text("It is sent as soon as the upload is complete.")).to_be_visible()
    retouch.prompt.fill("No, wait")
    expect(page.get_by_text("The prompt has changed: press Create to send it.")).to_be_visible()
    held.pop().continue_()
    retouch.uploaded()
    expect(retouch.prompt).to_have_value("No, wait")
    expect(retouch.answers).to_have_count(0)

    retouch.page.get_by_role("button", name="Remove image 1").click()
    hand_over(page, picture_file("blue.png", "blue"), "paste")
    retouch.prompt.fill(f"Redder {kept.tag}")
    retouch.create.click()
    expect(page.get_by_text("It is sent as soon as the upload is complete.")).to_be_visible()
    expect(retouch.prompt).to_have_value(f"Redder {kept.tag}")
    held.pop().continue_()
    expect(retouch.answers).to_have_count(1)
    retouch.picture(retouch.answers.first)
    assert kept.colours() == [(0, 0, 255)]


def test_a_thumbnail_that_could_not_be_fetched_comes_with_the_connection(retouch: Chat) -> None:
    page = retouch.page
    retouch.add(picture_file("red.png", "red"))
    page.route("**/limner/thumbnails/**", lambda route: route.abort())
    page.reload()
    expect(page.locator(".limner-blank")).to_have_count(1)
    page.unroute("**/limner/thumbnails/**")
    page.context.set_offline(True)
    page.context.set_offline(False)
    expect(page.locator(".limner-blank")).to_have_count(0)


def test_a_prompt_is_not_sent_without_the_picture_that_it_waited_for(retouch: Chat) -> None:
    page = retouch.page
    held: list[Route] = []
    page.route(PICTURES, lambda route: held.append(route))
    hand_over(page, picture_file("red.png", "red"), "paste")
    hand_over(page, picture_file("blue.png", "blue"), "paste")
    retouch.prompt.fill("Bluer")
    retouch.create.click()
    expect(page.get_by_text("It is sent as soon as")).to_be_visible()
    expect(retouch.chips).to_have_count(2)
    held[0].abort()
    expect(retouch.failures.get_by_role("alert")).to_contain_text("red.png The server cannot be reached")
    held[1].continue_()
    retouch.uploaded()
    expect(retouch.prompt).to_have_value("Bluer")
    expect(retouch.answers).to_have_count(0)


def test_many_at_once_keep_their_order(retouch: Chat) -> None:
    """Those that are more than fit are left out, with their number."""
    colours = ["red", "blue", "green", "teal", "gold", "navy"]
    retouch.add(*(picture_file(f"{colour}.png", colour) for colour in colours))
    expect(retouch.chips).to_have_text([re.compile(f"^image {n}{c}") for n, c in enumerate(colours, 1)])
    retouch.reload()
    expect(retouch.chips).to_have_text([re.compile(f"^image {n}{c}") for n, c in enumerate(colours, 1)])
    files = [picture_file(f"{n}.png", "red", (8, 8)) for n in range(7, 21)]
    retouch.page.locator("#limner-add input").set_input_files(files)
    failure = retouch.failures.get_by_role("alert")
    expect(failure).to_contain_text("17.png and 3 more No more than 16 pictures go in at once.")
    expect(retouch.chips).to_have_count(16)


def test_a_photograph_of_a_phone_arrives_upright_and_without_its_place(retouch: Chat, kept: Kept) -> None:
    sideways = Image.new("RGB", (120, 80), "blue")
    sideways.paste("red", (0, 0, 40, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    written = io.BytesIO()
    sideways.save(written, "jpeg", exif=exif)
    assert Image.open(written).getexif().get_ifd(0x8825)
    photo: FilePayload = {"name": "IMG_1.JPG", "mimeType": "image/jpeg", "buffer": written.getvalue()}
    retouch.add(photo)
    retouch.ask(f"Bluer {kept.tag}")
    got = kept.picture(1)
    assert got.size == (80, 120)
    top, bottom = got.convert("RGB").getpixel((40, 10)), got.convert("RGB").getpixel((40, 110))
    assert (top[0] > 200, bottom[2] > 200) == (True, True)  # pyright: ignore
    assert not got.getexif()


def test_a_form_that_the_browser_cannot_show_is_shown_once_it_is_uploaded(retouch: Chat) -> None:
    heif = pytest.importorskip("pillow_heif")
    written = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (96, 64), "red")).save(written)
    assert "image/heic" in (retouch.page.locator("input[type=file]").get_attribute("accept") or "")
    retouch.add({"name": "IMG_2.HEIC", "mimeType": "image/heic", "buffer": written.getvalue()})
    thumb = retouch.chip(1).locator("img").first
    assert thumb.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96
    expect(thumb).to_be_visible()


def test_what_is_too_large_is_not_even_sent(retouch: Chat) -> None:
    posts: list[str] = []
    retouch.page.on(
        "request", lambda request: posts.append(request.url) if request.method == "POST" else None
    )
    retouch.page.evaluate(
        """() => {
          const held = new DataTransfer();
          held.items.add(new File([new Uint8Array(50_000_001)], "film.png", { type: "image/png" }));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: held }));
        }"""
    )
    sentence = "film.png This file is larger than 50 MB: choose a smaller one."
    expect(retouch.failures.get_by_role("alert")).to_contain_text(sentence)
    expect(retouch.chips).to_have_count(0)
    assert posts == []
