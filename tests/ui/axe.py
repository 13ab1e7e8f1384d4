"""Looks at a page as axe-core does: WCAG 2.2 to AA and its best practices, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ["color-contrast", "link-in-text-block"]
PLACES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


def violations(page: Page) -> list[str]:
    """Returns what axe finds wrong with a page as it is now, light and dark: a line for each place.

    What does not depend on colours is looked at once.
    """
    page.emulate_media(color_scheme="light")
    found = _violations(page, {"type": "tag", "values": RULES})
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {violation}" for violation in _violations(page, {"type": "rule", "values": CONTRAST})]
    page.emulate_media(color_scheme="light")
    return found


def _violations(page: Page, rules: Mapping[str, Any]) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    look = """(runOnly) => axe.run(document, { runOnly, resultTypes: ["violations"] })
        .then(({ violations }) => violations)"""
    found: list[Mapping[str, Any]] = page.evaluate(look, rules)
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
