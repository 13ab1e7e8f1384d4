"""The composer: the prompt, what makes the picture of it, and what the chosen model takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from core.generation.options import unbounded_options
from core.plugins.registry import Provider, Registry
from core.studio import Studio
from limner import Options
from ui.page.choices import option_groups
from ui.page.controls import option_controls
from ui.page.inputs import add_button_html, inputs_html
from ui.page.offers import offer

_OPTIONS_BUTTON = """<button type="button" aria-expanded="false" aria-controls="limner-option-fields">
Options <span aria-hidden="true">▾</span></button>"""


@dataclass(frozen=True)
class _OptionGroup:
    """The controls of one class of options, shown while a model that takes it is chosen."""

    name: str
    options: type[Options]
    row: gr.Row
    controls: dict[str, Component]


class Composer:
    """Draws the composer inside the running `gr.Blocks`; the page's script sends what it holds."""

    def __init__(self, studio: Studio) -> None:
        self._registry: Registry = studio.registry
        self._for_owner = not studio.settings.behind_proxy
        default = self._registry.get(studio.settings.provider) or next(iter(self._registry))
        with gr.Column(elem_id="limner-composer"):
            gr.HTML('<p role="alert"></p>', elem_id="limner-error", padding=False)
            first = default.info.models[0]
            gr.HTML(
                inputs_html(self._registry, default, first, studio.settings.max_bytes),
                elem_id="limner-inputs",
                padding=False,
                apply_default_css=False,
            )
            with gr.Row(elem_id="limner-write", equal_height=True):
                gr.HTML(add_button_html(), elem_id="limner-add", padding=False, apply_default_css=False)
                self.prompt = gr.Textbox(
                    label="Prompt",
                    show_label=False,
                    placeholder="Describe a picture…",
                    lines=1,
                    max_lines=8,
                    scale=1,
                    container=False,
                    elem_id="limner-prompt",
                )
                self.create = gr.Button(
                    "Create", variant="primary", interactive=False, scale=0, elem_id="limner-create"
                )
            with gr.Row(elem_id="limner-choices"):
                providers = [(provider.label, provider.name) for provider in self._registry]
                self.provider = gr.Dropdown(
                    providers,
                    value=default.name,
                    label="Provider",
                    filterable=len(providers) > 10,
                )
                self.model = gr.Dropdown(label="Model")
                self.size = gr.Dropdown(label="Size")
                # An Accordion draws its fields once more a frame after it was opened: what was typed is lost.
                with gr.Column(elem_id="limner-options") as self.more:
                    gr.HTML(_OPTIONS_BUTTON, padding=False, elem_id="limner-options-button")
                    with gr.Column(elem_id="limner-option-fields"):
                        with gr.Row():
                            self.seed = gr.Textbox(
                                label="Seed", placeholder="random", max_length=10, max_lines=1
                            )
                            self.negative_prompt = gr.Textbox(
                                label="Leave out", placeholder="What should not be in the picture"
                            )
                        groups = option_groups(self._registry)
                        self._groups = [self._draw_group(name, options) for options, name in groups.items()]
        self.about = gr.HTML(padding=False, elem_id="limner-about")
        self.choose = gr.Button(visible="hidden", elem_id="limner-choose")  # which only the script presses
        self._listen(default, hidden=self._set_initial(default))

    def _draw_group(self, name: str, options: type[Options]) -> _OptionGroup:
        with gr.Row(visible=False) as row:
            controls = option_controls(options)
            hidden = () if self._for_owner else unbounded_options(options)
            for option in controls.keys() & hidden:
                controls[option].visible = False
            return _OptionGroup(name, options, row, controls)

    @property
    def _named(self) -> dict[str, Component]:
        """The controls by the names under which `read_request` looks for their values."""
        return {
            "provider": self.provider,
            "model": self.model,
            "size": self.size,
            "seed": self.seed,
            "negative_prompt": self.negative_prompt,
            **{
                f"{group.name}/{name}": control
                for group in self._groups
                for name, control in group.controls.items()
            },
        }

    @property
    def _offered(self) -> dict[str, Component | gr.Row | gr.Column]:
        """What changes with the choice of a model, by the names that `offer` has for it."""
        return {
            "size": self.size,
            "seed": self.seed,
            "negative_prompt": self.negative_prompt,
            "about": self.about,
            "more": self.more,
            **{group.name: group.row for group in self._groups},
        }

    @property
    def _sent(self) -> list[dict[str, Any]]:
        """What the script knows of each control, in order: where it is shown, and what it holds at first.

        A control that still holds that, or nothing, is not sent; provider and model always are.
        """
        options = {
            f"{group.name}/{name}": {"of": group.name, "initial": control.value}  # pyright: ignore[reportAttributeAccessIssue]
            for group in self._groups
            for name, control in group.controls.items()
        }
        return [{"name": name, "of": name, **options.get(name, {})} for name in self._named]

    def _set_initial(self, default: Provider) -> list[str]:
        """Sets the components to the default provider's values, so that the page needs no first request.

        Returns what is hidden for it, by the names that `offer` has.
        """
        components = {"model": self.model, **self._offered}
        changes = offer(self._registry, default.name, owner=self._for_owner)
        for control, change in changes.items():
            for name, value in change.items():
                if name != "__type__" and control in components:
                    setattr(components[control], name, value)
        return [control for control, change in changes.items() if change.get("visible") is False]

    def _listen(self, default: Provider, hidden: list[str]) -> None:
        """Joins the controls to the page's script; gradio's own routes are closed."""
        self.prompt.change(
            None,
            self.prompt,
            self.create,
            js="(prompt) => ({__type__: 'update', interactive: !!prompt.trim()})",
            trigger_mode="multiple",  # by default gradio holds a change back while another is handled
        )
        changed = {"provider": self.provider, "model": self.model, **self._offered}
        outputs, names = list(changed.values()), json.dumps([*changed])
        initial = json.dumps({"provider": default.name, "model": self.model.value})
        choices = [
            self.provider.input(
                None,
                self.provider,
                outputs,
                js=f"(provider) => window.limnerOffer({names}, {{provider}}, {initial})",
            ),
            self.model.input(
                None,
                [self.provider, self.model],
                outputs,
                js=f"(provider, model) => window.limnerOffer({names}, {{provider, model}}, {initial})",
            ),
        ]
        both = self.choose.click(
            None,
            None,
            outputs,
            js=f"() => window.limnerOffer({names}, {{...window.limnerWanted, both: true}}, {initial})",
            trigger_mode="multiple",
        )
        for choice in (*choices, both):
            choice.then(None, js="() => window.limnerOffered()")
        gr.on(
            [self.create.click, self.prompt.submit],
            None,
            list(self._named.values()),
            None,
            js=f"(...values) => window.limnerSend({json.dumps(self._sent)}, values, {json.dumps(hidden)})",
        )
