"""What a person does in the page, in the words of a person."""

from __future__ import annotations

import io
import re

from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect


def picture_file(name: str, colour: str, size: tuple[int, int] = (80, 60)) -> FilePayload:
    """Gives a picture of one colour, as a file that a person chooses."""
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "png")
    return {"name": name, "mimeType": "image/png", "buffer": written.getvalue()}


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
        self.chips = page.get_by_role("list", name="Pictures to go in").get_by_role("listitem")
        self.failures = page.get_by_role("list", name="Pictures that could not be added")
        self.open()

    def open(self, query: str = "") -> None:
        self.page.goto(self.url + query)
        expect(self.prompt).to_be_visible()

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
        """Gives the place and size of a part of the latest answer, in one look: it may be drawn anew."""
        look = """part => {
          const parts = [...document.querySelectorAll(`article.limner ${part}`)];
          const box = parts.at(-1)?.getBoundingClientRect();
          return box?.width ? { x: box.x, width: box.width, height: box.height } : null;
        }"""
        return self.page.wait_for_function(look, arg=part).json_value()

    def source(self, answer: Locator) -> str:
        return self.picture(answer).get_attribute("src") or ""

    def action(self, answer: Locator, name: str) -> Locator:
        return answer.get_by_role("button", name=name, exact=True)

    def choose(self, field: str, option: str) -> None:
        """Chooses from one of the composer's lists."""
        self.page.get_by_role("combobox", name=field, exact=True).click()
        chosen = self.page.get_by_role("option", name=option, exact=True)
        if field not in ("Provider", "Model"):
            chosen.click()
            return
        with self.page.expect_response("**/limner/offer*"):  # the server offers what the choice takes
            chosen.click()

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
        """Gives a chip by the name that it shows."""
        return self.chips.filter(has_text=re.compile(rf"^image {number}(?!\d)"))

    def options(self) -> None:
        """Opens the composer's Options."""
        self.page.get_by_role("button", name="Options").click()
