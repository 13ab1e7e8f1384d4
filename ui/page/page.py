"""The page: its HTML in the first paint, what its script gets and sends, and the Gradio app that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.plugins.catalog import catalog
from core.studio import Studio
from ui.page.archive import draw_archive
from ui.page.choices import read_requests
from ui.page.composer import composer
from ui.page.offers import offer
from ui.page.views import plugins_html, shell_html, shown_message

FOLDER = Path(__file__).parent
STYLES = (
    "tokens",
    "typeface",
    "page",
    "composer",
    "panels",
    "thread",
    "inputs",
    "mask",
    "conversations",
    "zoom",
    "details",
)
"""In this order."""
_THEME = """<script>
try {
  const theme = localStorage.getItem("limner.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* the browser forbids storage */ }
</script>"""
"""Light or dark as the person has chosen, before anything is drawn."""
_ADOPT = """
const page = document.getElementById("limner");
const main = element.closest("main"); // Gradio's, which stays empty: the page has its own
main.hidden = true;
function adopt() {
  if (page.parentElement === main.parentElement) return;
  const focused = document.activeElement;
  if (main.moveBefore) main.parentElement.moveBefore(page, main); // which keeps focus and scrolling
  else main.before(page);
  if (page.contains(focused)) {
    focused.blur(); // or what is around it would not know that the focus is within
    focused.focus({ preventScroll: true });
  }
}
if (page.querySelector(":active")) { // moved in the middle of a press, a button gets no click
  const later = () => setTimeout(adopt);
  for (const end of ["pointerup", "pointercancel", "keyup"]) addEventListener(end, later, { once: true });
} else adopt();
"""
"""Puts the page, which the first paint has already, into Gradio's app."""


def _still(blocks: gr.Blocks) -> None:
    """Closes gradio's queue, which nothing here uses, and which looks for work a thousand times a second.

    `Blocks.queue` would build all of gradio's routes once more.
    """
    blocks.api_open = False
    queue = blocks._queue
    queue.max_size = 1
    queue.sleep_when_free = queue.progress_update_sleep_when_free = 3600.0


class Page:
    """The page over a studio: what Gradio shows, and what the server's routes make of it."""

    folder = FOLDER
    """Its scripts, styles, fonts and marks are served from here."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._registry = studio.registry
        with gr.Blocks(title="Limner", analytics_enabled=False) as self.blocks:
            gr.HTML(html_template="", js_on_load=_ADOPT, padding=False, apply_default_css=False)
        _still(self.blocks)
        # on a Space, gradio's script would ask the Hub and Google for a header of the Hub's over the page
        self.blocks.space_id = None

    def head(self, address: Callable[[str], str]) -> str:
        """Returns the links to styles and scripts; `address` is where the server has a file of `folder`."""
        scripts = sorted(path.name for path in (FOLDER / "script").glob("*.js"))
        return "\n".join(
            [
                _THEME,
                *(f'<link rel="stylesheet" href="{address(f"style/{name}.css")}">' for name in STYLES),
                *(f'<link rel="modulepreload" href="{address(f"script/{name}")}">' for name in scripts),
                f'<script type="module" src="{address("script/main.js")}"></script>',
            ]
        )

    def first_paint(self, address: Callable[[str], str], *, owner: bool) -> str:
        """Returns the page as HTML, which knows nothing of the visitor but whether it is the owner."""
        drawn = composer(self._studio, owner=owner)
        return shell_html(drawn, banner=self._banner() if owner else "", owner=owner, asset=address)

    def show(self, message: Message) -> dict[str, Any]:
        """Returns a message as the page's script takes it: two pieces of HTML, and its state."""
        return shown_message(message, self._usual_seconds)

    def read(self, values: Mapping[str, Any]) -> list[UserRequest]:
        """Reads the values of the composer's controls; raises Rejected."""
        return read_requests(self._registry, values)

    def offer(self, provider: str, model: str | None, *, owner: bool) -> dict[str, Any]:
        """Returns how the composer looks for a provider and a model; empty if there is no such model."""
        return offer(self._studio, provider, model, owner=owner)

    def draw_archive(self, messages: Sequence[Message], paths: Mapping[str, str]) -> Iterable[str]:
        """Returns the page of an exported conversation, in pieces."""
        return draw_archive(messages, paths)

    def list_plugins(self) -> str:
        """Returns the list of plugins as a page of HTML."""
        return plugins_html(catalog(self._registry))

    def _usual_seconds(self, version: Version) -> float | None:
        return self._studio.usual_seconds(version.provenance.provider, version.provenance.model)

    def _banner(self) -> str:
        """Returns warnings for the owner; empty if there are none."""
        sentences: list[str] = []
        broken = self._registry.fault_of(self._studio.settings.provider)
        if broken:
            sentences.append(f"The default provider {broken.name} cannot be used. {broken.fault}")
        if self._studio.store.is_temporary:
            sentences.append("The data folder cannot be written to: pictures will be lost on restart.")
        return " ".join(sentences)
