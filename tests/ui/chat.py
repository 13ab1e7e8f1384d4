"""What a person does in the page, in the words of a person."""

from __future__ import annotations

import io
import re

from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect


def picture_file(name: str, colour: str, size: tuple[int, int] = (80, 60)) -> FilePayload:
    """Returns a picture of one colour, as a file that a person chooses."""
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "png")
    return {"name": name, "mimeType": "image/png", "buffer": written.getvalue()}


def box(part: Locator) -> tuple[float, float, float, float]:
    """Returns where a part of the page is: left, top, right, bottom."""
    found = part.bounding_box()
    assert found
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def seed(answer: Locator) -> int:
    """Returns the seed of an answer's first picture; what is out of view has no inner text."""
    found = re.search(r"seed (\d+)", answer.locator(".limner-details").first.text_content() or "")
    assert found
    return int(found[1])


def overlap(one: Locator, other: Locator) -> bool:
    (left, top, right, bottom), (x, y, x2, y2) = box(one), box(other)
    return left < x2 and x < right and top < y2 and y < bottom


class Chat:
    """One open page of the app."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.prompt = page.get_by_label("Prompt", exact=True)
        self.create = page.get_by_role("button", name="Create")
        self.answers = page.locator("article.limner")
        self.prompts = page.locator(".limner-prompt")
        self.error = page.locator("#limner-error").get_by_role("alert")
        self.spoken = page.locator(".limner-announcer")
        self.toasts = page.get_by_role("list", name="Messages").get_by_role("listitem")
        self.chips = page.get_by_role("list", name="Pictures to go in").get_by_role("listitem")
        self.provider = page.get_by_role("combobox", name="Provider", exact=True)
        self.model = page.get_by_role("combobox", name="Model", exact=True)
        self.size = page.get_by_role("button", name="Size")
        self.count = page.get_by_role("button", name="How many")
        self.options_button = page.get_by_role("button", name="Options")
        self.failures = page.get_by_role("list", name="Pictures that could not be added")
        self.open()

    def open(self, query: str = "") -> None:
        self.page.goto(self.url + query)
        self.loaded()

    def loaded(self) -> None:
        """Waits until the page shows what the conversation has."""
        expect(self.page.locator("#limner-turns")).to_have_attribute("aria-busy", "false")

    def reload(self) -> None:
        self.page.reload()
        self.loaded()

    @property
    def conversation(self) -> str:
        """The id of the conversation, which its address has once something was sent."""
        self.page.wait_for_url(re.compile(r"\?c=[0-9a-f]{32}$"))
        return self.page.url[-32:]

    def send(self, prompt: str) -> Locator:
        """Types a prompt, presses Create, and gives the answer that appears."""
        before = self.answers.count()
        self.prompt.fill(prompt)
        self.create.click()
        expect(self.answers).to_have_count(before + 1)
        return self.answers.nth(before)

    def ask(self, prompt: str) -> Locator:
        """Sends a prompt, waits until its answer has settled, and gives that."""
        answer = self.send(prompt)
        expect(answer.locator(".limner-running")).to_have_count(0)
        return answer

    def picture(self, answer: Locator) -> Locator:
        """Waits until an answer's picture is loaded, and gives it."""
        image = answer.locator("figure img")
        expect(image).to_be_visible()
        image.evaluate("image => image.decode()")
        return image

    def measure(self, part: str) -> dict[str, float]:
        """Returns the place and size of a part of the latest answer, in one look: it may be drawn anew."""
        look = """part => {
          const parts = [...document.querySelectorAll(`article.limner ${part}`)];
          const box = parts.at(-1)?.getBoundingClientRect();
          return box?.width ? { x: box.x, width: box.width, height: box.height } : null;
        }"""
        return self.page.wait_for_function(look, arg=part).json_value()

    def source(self, answer: Locator) -> str:
        """Returns the address of an answer's picture in full size."""
        return self.picture(answer).get_attribute("data-full") or ""

    def action(self, answer: Locator, name: str) -> Locator:
        return answer.get_by_role("button", name=name, exact=True)

    def choose(self, field: str, option: str) -> None:
        """Chooses in the composer; an option's field must be open."""
        if field == "Size":
            self.size.click()
            self.page.get_by_role("radiogroup", name="Size").get_by_role("radio", name=option).click()
            expect(self.page.get_by_role("dialog", name="Size")).to_be_hidden()
            return
        if field not in ("Provider", "Model"):
            self.page.get_by_label(field, exact=True).select_option(label=option)
            return
        with self.page.expect_response("**/limner/offer*"):  # the server offers what the choice takes
            self.begin_choice(field, option)

    def begin_choice(self, field: str, option: str) -> None:
        """Chooses a provider or a model by its label, and does not wait for what the server offers."""
        options = self.provider if field == "Provider" else self.model
        listed = options.locator("option", has_text=re.compile(rf"^{re.escape(option)}( · |$)"))
        options.select_option(label=listed.text_content())  # which waits until it is there

    def add(self, *files: FilePayload) -> None:
        """Has the composer take files, and waits until they are uploaded."""
        before = self.chips.count()
        self.page.locator("#limner-add input").set_input_files([*files])
        expect(self.chips).to_have_count(before + len(files))
        self.uploaded()

    def uploaded(self) -> None:
        """Waits until no chip is being uploaded."""
        expect(self.page.get_by_role("progressbar")).to_have_count(0)

    def chip(self, number: int) -> Locator:
        """Returns a chip by the name that it shows."""
        return self.chips.filter(has_text=re.compile(rf"^image {number}(?!\d)"))

    def options(self) -> None:
        """Opens the composer's Options."""
        self.options_button.click()
        expect(self.page.get_by_role("dialog", name="Options")).to_be_visible()
