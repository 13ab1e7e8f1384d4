"""The page: the conversation, the composer, and the script that connects them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Default

from core.chat.message import Message
from core.chat.request import UserRequest
from core.plugins.catalog import catalog
from core.studio import Studio
from ui.page.choices import read_request
from ui.page.composer import Composer
from ui.page.offers import offer
from ui.page.views import message_html, plugins_html

_HERE = Path(__file__).parent
_SCRIPTS = (
    "limner.js",
    "post.js",
    "picture.js",
    "unloaded.js",
    "seed.js",
    "offer.js",
    "inputs.js",
    "takes.js",
    "uploads.js",
    "painting.js",
    "mask.js",
)
"""They share one scope, in this order."""
_STYLES = ("limner.css", "inputs.css", "mask.css")
EXAMPLES = (
    "A lighthouse at dusk, long shadows",
    "A red fox in a snowy forest",
    "Three sailboats on a calm teal sea at dawn",
    "City skyline at night in the rain",
)
THEME = Default(
    neutral_hue="stone",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
)
_TITLE = '<h1><span class="limner-mark" aria-hidden="true">L</span>Limner</h1>'
_NEW = """<button name="new" class="limner-button limner-new" aria-label="New conversation">
New<span> conversation</span></button>"""
_PLUGINS = '<a class="limner-link" href="limner/plugins" target="_blank">Plugins</a>'
_EMPTY = """<h2>What would you like to see?</h2>
<p>Describe it in your own words. The provider you choose makes the picture, and Limner saves it.</p>"""


class Page:
    """The page over a studio: what Gradio shows, and what the server's routes make of it."""

    def __init__(self, studio: Studio) -> None:
        self._registry = studio.registry
        self.blocks = _build(studio)
        style = "\n".join((_HERE / name).read_text("utf-8") for name in _STYLES)
        self.appearance: dict[str, Any] = {
            "head": f"<style>{style}</style>",  # whole, which `css=` would rewrite
            "theme": THEME,
        }

    def show(self, message: Message) -> dict[str, str]:
        """Returns a message as the page's script takes it: two pieces of HTML, and its state."""
        prompt, answer = message_html(message)
        latest = message.versions[-1]
        state = latest.reason or latest.status
        return {"id": message.id, "prompt": prompt, "answer": answer, "state": state}

    def read(self, values: Mapping[str, Any]) -> UserRequest:
        """Reads the values of the composer's controls; raises Rejected."""
        return read_request(self._registry, values)

    def offer(self, provider: str, model: str | None, *, owner: bool) -> dict[str, dict[str, Any]]:
        """Returns how the controls change for a provider and a model; empty if there is no such model."""
        return offer(self._registry, provider, model, owner=owner)

    def list_plugins(self) -> str:
        """Returns the list of plugins as a page of HTML."""
        return plugins_html(catalog(self._registry))


def _build(studio: Studio) -> gr.Blocks:
    with gr.Blocks(title="Limner", fill_height=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="limner-header"):
            gr.HTML(_TITLE, padding=False)
            gr.HTML(_NEW if studio.settings.behind_proxy else _PLUGINS + _NEW, padding=False)
        if banner := _banner(studio):
            gr.HTML(f'<p role="status">{banner}</p>', padding=False, elem_id="limner-banner")
        chatbot = gr.Chatbot(
            elem_id="limner-conversation",
            show_label=False,
            container=False,
            layout="panel",
            buttons=[],
            render_markdown=False,
            latex_delimiters=[],
            group_consecutive_messages=False,
            feedback_options=None,
            placeholder=_EMPTY,
            examples=[{"text": example} for example in EXAMPLES],
            autoscroll=False,  # the script follows new messages, and leaves alone whoever reads old ones
            height="100%",
        )
        Composer(studio)
        script = gr.HTML(
            html_template="",
            js_on_load="\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS),
            elem_id="limner-script",
            padding=False,
        )
        script.input(None, None, chatbot, js="() => [window.limnerMessages()]")
    page.queue(api_open=False, max_size=1)  # nothing here uses gradio's queue
    return page


def _banner(studio: Studio) -> str:
    """Returns warnings for the owner, as HTML; empty if there are none."""
    sentences: list[str] = []
    broken = studio.registry.fault_of(studio.settings.provider)
    if broken:
        sentences.append(f"The default provider {broken.name} cannot be used. {broken.fault}")
    if studio.store.is_temporary:
        sentences.append("The data folder cannot be written to: pictures will be lost on restart.")
    return escape(" ".join(sentences))
