"""What a message looks like in each of its states."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat, box
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser


def test_running_shows_a_spinner_the_seconds_and_what_is_waited_for(chat: Chat, gate: Gate) -> None:
    """G8, C1, R7: a spinner, words for screen readers, the future file's name, Stop; and no actions yet."""
    gate.say("3rd in the queue")
    answer = chat.send(f"A calm sea {gate.tag}")

    expect(answer.locator(".limner-spinner")).to_be_visible()
    expect(answer.get_by_text("Generating image…")).to_be_visible()
    expect(chat.spoken).to_have_text(f"Generating image: A calm sea {gate.tag}")
    expect(answer.get_by_text(f"a-calm-sea-{gate.file.name}")).to_be_visible()
    expect(answer.get_by_text("3rd in the queue")).to_be_visible()
    expect(answer.get_by_role("timer")).to_have_text(re.compile(r"^[1-9]\d* s$"))
    expect(answer.get_by_role("img")).to_have_count(0)
    expect(answer.get_by_role("button")).to_have_text(["Stop"])
    gate.say("2nd in the queue")
    expect(answer.get_by_text("2nd in the queue")).to_be_visible()

    gate.open()

    chat.picture(answer)
    expect(chat.spoken).to_have_text(f"The image is ready: A calm sea {gate.tag}")


def test_the_waiting_card_has_the_size_of_the_picture(chat: Chat, gate: Gate) -> None:
    """G8: nothing jumps when the picture comes."""
    chat.choose("Model", "framed")
    for width in (1280, 390):
        chat.page.set_viewport_size({"width": width, "height": 844})
        answer = chat.send(f"A calm sea {gate.tag}")
        waiting = chat.measure(".limner-running")

        gate.open()

        chat.picture(answer)
        assert waiting == pytest.approx(chat.measure(".limner-picture"), abs=1)
        gate.close()


def test_refused_by_the_content_filter(chat: Chat) -> None:
    """G9, C2: an error card with the reason, and no picture in it; the prompt can be edited."""
    answer = chat.ask("Something forbidden #filtered")

    card = answer.get_by_role("alert")
    expect(card.get_by_role("heading", name="Image could not be generated")).to_be_visible()
    expect(card).to_contain_text("its content filter does not allow this prompt or this picture")
    expect(card).to_contain_text("The safety system said no.")
    expect(answer.locator("img")).to_have_count(0)

    chat.action(answer, "Edit in composer").click()

    expect(chat.prompt).to_have_value("Something forbidden #filtered")
    expect(chat.prompt).to_be_focused()


def test_a_failure_says_what_why_and_what_next(chat: Chat) -> None:
    """R6: text with role=alert, no picture, the service's words as the service's, and the next step."""
    for category, words, again in (
        ("auth", "rejected the API key", False),
        ("quota", "no credit left", True),
        ("rate-limit", "accepts no more requests", True),
        ("invalid-request", "did not accept this request", False),
        ("timeout", "did not answer in time", True),
        ("unavailable", "answered with an error", True),
        ("provider", "could not make this picture", True),
    ):
        answer = chat.ask(f"A boat #{category}")

        card = answer.get_by_role("alert")
        expect(card.get_by_role("heading")).to_contain_text(words)
        expect(card).to_contain_text("The service says The service's own words.")
        expect(answer.locator("img")).to_have_count(0)
        expect(chat.action(answer, "Try again")).to_have_count(1 if again else 0)
        expect(chat.action(answer, "Edit in composer")).to_be_visible()


def test_a_stopped_picture_can_be_tried_again(chat: Chat, gate: Gate) -> None:
    """G12: Stop ends the run; Try again goes through the same flow."""
    answer = chat.send(f"A boat {gate.tag}")
    chat.action(answer, "Stop").click()
    expect(answer.get_by_role("heading", name="Stopped")).to_be_visible()
    expect(answer.locator("img")).to_have_count(0)
    gate.open()

    chat.action(answer, "Try again").click()

    chat.picture(answer)
    expect(answer.get_by_text("Stopped")).to_have_count(0)


def test_complete_is_a_zoomable_picture_with_actions(chat: Chat) -> None:
    """G10, R7, G2: one picture, its actions, and the line of where it comes from."""
    answer = chat.ask("A boat")

    expect(answer.locator("figure img")).to_have_count(1)
    expect(answer.get_by_title("Zoom")).to_be_visible()
    for name in ("Copy image", "Regenerate image"):
        expect(chat.action(answer, name)).to_be_enabled()
    expect(answer.get_by_role("link", name="Download image")).to_be_visible()
    expect(answer.locator(".limner-details")).to_have_text(
        re.compile(r"Shapes · Shapes One · 320 × 240 · seed \d+ · \d+\.\d s")
    )


def test_revised_prompt_and_warnings_stand_under_the_picture(chat: Chat) -> None:
    """R9, G7: what the service made of the prompt, and what it dropped, are told."""
    answer = chat.ask("A boat #revised #warned")

    expect(answer.locator("figcaption")).to_contain_text(
        "Revised prompt: A small boat in a harbour, revised."
    )
    expect(answer.locator("figcaption")).to_contain_text("Size: The size was rounded.")
    expect(chat.ask("A boat").get_by_text("Revised prompt")).to_have_count(0)


def test_a_small_picture_stands_beside_the_top_of_its_actions(chat: Chat) -> None:
    """At the edge of the composer, as every picture."""
    answer = chat.ask("A boat #tiny #revised #warned")
    left, top, *_ = box(chat.picture(answer))
    assert top == box(answer)[1]
    assert left == box(chat.page.locator("#limner-composer"))[0]


def test_regenerating_keeps_the_good_picture(chat: Chat, gate: Gate) -> None:
    """G10, G12: a small strip runs under the picture; what fails or is stopped does not hide it."""
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    source = chat.source(answer)
    gate.close()

    chat.action(answer, "Regenerate image").click()

    strip = answer.locator(".limner-running")
    expect(strip).to_be_visible()
    assert chat.source(answer) == source
    assert chat.measure(".limner-running")["height"] < 70

    chat.action(answer, "Stop").click()

    expect(answer.get_by_role("heading", name="Stopped")).to_be_visible()
    assert chat.source(answer) == source


def test_versions_can_be_paged(chat: Chat) -> None:
    """G12: each regeneration is a version more, and none is lost."""
    answer = chat.ask("A boat")
    first = chat.source(answer)
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    second = chat.source(answer)
    assert second != first
    expect(chat.action(answer, "Next version")).to_be_disabled()

    chat.action(answer, "Previous version").click()

    expect(answer.get_by_text("1 / 2")).to_be_visible()
    assert chat.source(answer) == first
    expect(chat.action(answer, "Previous version")).to_be_disabled()
    chat.reload()
    expect(answer.get_by_text("1 / 2")).to_be_visible()


def test_another_provider_changes_nothing_in_the_rendering(chat: Chat) -> None:
    """G5, G13: the same elements in the same order, whoever drew; the sketch needs no key."""
    shaped = chat.ask("A red fox in a snowy forest")
    chat.picture(shaped)
    chat.choose("Provider", "Sketch")
    drawn = chat.ask("A red fox in a snowy forest")

    expect(drawn.locator(".limner-details")).to_contain_text("Sketch · 1024 × 1024")
    expect(chat.picture(drawn)).to_have_attribute("width", "1024")
    elements = (
        "article => [...article.querySelectorAll('*')].map(e => [e.tagName, e.className, e.name, e.title])"
    )
    assert drawn.evaluate(elements) == shaped.evaluate(elements)
