"""What a person does in the page, in the words of a person."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class Chat:
    """One open page of the app."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.prompt = page.get_by_label("Prompt")
        self.create = page.get_by_role("button", name="Create")
        self.answers = page.locator("article.limner")
        page.goto(url)
        expect(self.prompt).to_be_visible()

    def ask(self, prompt: str) -> Locator:
        """Types a prompt, presses Create, and gives the answer that appears."""
        before = self.answers.count()
        self.prompt.fill(prompt)
        self.create.click()
        expect(self.answers).to_have_count(before + 1)
        return self.answers.nth(before)

    def picture(self, answer: Locator) -> Locator:
        """Waits until an answer's picture is loaded, and gives it."""
        image = answer.locator("figure img")
        expect(image).to_be_visible()
        image.evaluate("image => image.decode()")
        return image

    def action(self, answer: Locator, name: str) -> Locator:
        return answer.get_by_role("button", name=name)
