"""Looks at a page as axe-core does: WCAG 2.2 to AA and its best practices, in each look one may choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PLACES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
COLOURS: dict[str, Any] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced colours": {"color_scheme": "light", "forced_colors": "active"},
}
LOOKS: dict[str, dict[str, Any]] = {
    f"{place}, {name}": {"viewport": viewport, **media}
    for place, viewport in PLACES.items()
    for name, media in COLOURS.items()
}
"""Options of a browser's context, by name."""

in_each_look = pytest.mark.parametrize("look", LOOKS)
"""Runs a test once for each look, whose name it takes as `look`."""


@contextmanager
def looking(browser: Browser, look: str, **options: Any) -> Iterator[Page]:
    """Opens an empty page in one of the looks; nothing in it moves."""
    context = browser.new_context(**{**LOOKS[look], "reduced_motion": "reduce", **options})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def violations(page: Page, within: str | None = None) -> list[str]:
    """Returns what axe finds wrong with a page as it is now, or with a part of it: a line for each place."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # axe reads -webkit-text-fill-color, which Chromium leaves as it was before the colours are forced
    look = """([within, values]) => axe.run(within || document, {
        runOnly: { type: "tag", values }, resultTypes: ["violations"],
        rules: { "color-contrast": { enabled: !matchMedia("(forced-colors: active)").matches } },
    }).then(({ violations }) => violations)"""
    found: list[Mapping[str, Any]] = page.evaluate(look, [within, RULES])
    return [
        f"{rule['id']} ({rule['impact']}): {place['html'][:160]} — {place['failureSummary']}"
        for rule in found
        for place in rule["nodes"]
    ]


def clipped(page: Page) -> list[str]:
    """Returns what reaches out of the window to the side, and the texts that are cut without an ellipsis."""
    look = """() => [...document.querySelectorAll("body *")].filter((part) => {
        const box = part.getBoundingClientRect();
        const { overflowX, textOverflow } = getComputedStyle(part);
        const is_seen = box.width > 1 && box.height > 1 && part.checkVisibility({ visibilityProperty: true });
        const is_cut = ["hidden", "clip"].includes(overflowX) && textOverflow !== "ellipsis"
            && part.scrollWidth > part.clientWidth + 1 && part.innerText?.trim();
        return is_seen && (box.left < -0.5 || box.right > innerWidth + 0.5 || is_cut);
    }).map((part) => part.outerHTML.slice(0, 160))"""
    return page.evaluate(look)


def overlapping(page: Page) -> list[list[str]]:
    """Returns the texts and controls that lie on one another, of what is open, or else of the whole page.

    The sentences that are shown for a while may lie on anything, and what scrolls below what is sticky.
    """
    look = """() => {
        const within = [...document.querySelectorAll("dialog[open], :popover-open")].at(-1) ?? document.body;
        const texts = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
        const places = [...within.querySelectorAll("button, input, select, textarea")].map(
            (part) => [part, part.getBoundingClientRect()]);
        for (const range = new Range(); texts.nextNode();) {
            range.selectNodeContents(texts.currentNode);
            if (!texts.currentNode.data.trim() || texts.currentNode.parentNode.closest("select")) continue;
            places.push(...[...range.getClientRects()].map((box) => [texts.currentNode.parentNode, box]));
        }
        const seen = places.flatMap(([part, { left, top, right, bottom }]) => {
            const is_seen = part.checkVisibility({ opacityProperty: !part.matches("button") });
            if (!is_seen || part.closest(".limner-toasts")) return [];
            for (let around = part; around !== within; around = around.parentElement) {
                if (getComputedStyle(around).overflow === "visible") continue;
                const box = around.getBoundingClientRect();
                [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
                [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
            }
            return right - left > 2 && bottom - top > 2 ? [{ part, left, top, right, bottom }] : [];
        });
        const stickyAround = ({ part }) => {
            while (part && getComputedStyle(part).position !== "sticky") part = part.parentElement;
            return part;
        };
        const short = ({ part }) => part.outerHTML.slice(0, 160);
        return seen.flatMap((one, at) => seen.slice(at + 1).filter((other) =>
            !one.part.contains(other.part) && !other.part.contains(one.part)
            && stickyAround(one) === stickyAround(other)
            && Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
            && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4
        ).map((other) => [short(one), short(other)]));
    }"""
    return page.evaluate(look)
