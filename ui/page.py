"""The page: the thread, the composer, and the script that joins them."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr
from gradio.themes import Default

from core.studio import Studio
from ui.composer import Composer

_HERE = Path(__file__).parent
EXAMPLES = (
    "A lighthouse at dusk, long shadows",
    "A red fox in a snowy forest",
    "Three sailboats on a calm teal sea at dawn",
    "City skyline at night in the rain",
)
THEME = Default(
    primary_hue="indigo",
    neutral_hue="slate",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
)


def head() -> str:
    """Gives what belongs into the page's head: the style sheet as a whole, which `css=` would rewrite."""
    return f"<style>{(_HERE / 'limner.css').read_text('utf-8')}</style>"


def build_page(studio: Studio) -> gr.Blocks:
    """Builds the page over a studio."""
    with gr.Blocks(title="Limner", fill_height=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="limner-header"):
            gr.HTML("<h1>Limner</h1>", padding=False)
            gr.HTML('<button name="new" class="limner-button">New conversation</button>', padding=False)
        if banner := _banner(studio):
            gr.HTML(f'<p role="status">{banner}</p>', padding=False, elem_id="limner-banner")
        thread = gr.Chatbot(
            elem_id="limner-thread",
            show_label=False,
            container=False,
            layout="panel",
            buttons=[],
            render_markdown=False,
            latex_delimiters=[],
            group_consecutive_messages=False,
            feedback_options=None,
            placeholder="<h2>What shall we picture?</h2>",
            examples=[{"text": example} for example in EXAMPLES],
            height="100%",
        )
        composer = Composer(studio)
        script = gr.HTML(
            html_template="",
            js_on_load=(_HERE / "limner.js").read_text("utf-8"),
            elem_id="limner-script",
            padding=False,
        )
        script.input(None, None, thread, js="() => [window.limnerMessages()]")
        thread.example_select(_example, None, composer.prompt, queue=False, api_visibility="private")
    return page


def _example(chosen: gr.SelectData) -> str:
    return str(chosen.value["text"])


def _banner(studio: Studio) -> str:
    """Says what the owner should know before anybody starts; nothing where all is well."""
    said: list[str] = []
    broken = studio.registry.fault_of(studio.settings.provider)
    if broken:
        said.append(f"The default provider {broken.name} cannot be used. {broken.fault}")
    if studio.store.is_temporary:
        said.append("The data folder cannot be written to: the next start loses all pictures.")
    return escape(" ".join(said))
