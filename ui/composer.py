"""The composer: the prompt, what makes the picture of it, and what the chosen model takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from core.registry import Provider, Registry
from core.studio import Studio
from limner import Options
from ui.choices import option_groups
from ui.controls import option_controls, size_choices


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
        default = self._registry.get(studio.settings.provider) or next(iter(self._registry))
        with gr.Column(elem_id="limner-composer"):
            gr.HTML('<p role="alert"></p>', elem_id="limner-error", padding=False)
            with gr.Row(elem_id="limner-write", equal_height=True):
                self.prompt = gr.Textbox(
                    label="Prompt",
                    show_label=False,
                    placeholder="Describe a picture…",
                    lines=1,
                    max_lines=8,
                    scale=1,
                    autofocus=True,
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
                with gr.Accordion("Options", open=False, elem_id="limner-options") as self.more:
                    with gr.Row():
                        self.seed = gr.Textbox(label="Seed", placeholder="random", max_length=10, max_lines=1)
                        self.negative_prompt = gr.Textbox(
                            label="Leave out", placeholder="What should not be in the picture"
                        )
                    groups = option_groups(self._registry)
                    self._groups = [self._draw_group(name, options) for options, name in groups.items()]
        self.about = gr.HTML(padding=False, elem_id="limner-about")
        self._set_initial(default)
        self._listen()

    def _draw_group(self, name: str, options: type[Options]) -> _OptionGroup:
        with gr.Row(visible=False) as row:
            return _OptionGroup(name, options, row, option_controls(options))

    @property
    def _named(self) -> dict[str, Component]:
        """The controls by the names under which `read_asked` looks for their values."""
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
    def _offered(self) -> list[Component | gr.Row | gr.Accordion]:
        return [
            self.size,
            self.seed,
            self.negative_prompt,
            self.about,
            self.more,
            *(group.row for group in self._groups),
        ]

    def _set_initial(self, default: Provider) -> None:
        """Gives the components the values of the default provider: the page needs no first round trip."""
        updates = self._offer_provider(default.name)
        for component, update in zip([self.model, *self._offered], updates, strict=True):
            for name, value in update.items():
                if name != "__type__":
                    setattr(component, name, value)

    def _listen(self) -> None:
        quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.prompt.change(
            None,
            self.prompt,
            self.create,
            js="(prompt) => ({__type__: 'update', interactive: !!prompt.trim()})",
        )
        self.provider.input(self._offer_provider, self.provider, [self.model, *self._offered], **quietly)
        self.model.input(self._offer, [self.provider, self.model], self._offered, **quietly)
        gr.on(
            [self.create.click, self.prompt.submit],
            None,
            list(self._named.values()),
            None,
            js=f"(...values) => window.limnerSend({json.dumps(list(self._named))}, values)",
        )

    def _offer_provider(self, name: str) -> list[dict[str, Any]]:
        """Offers a provider's models, and what the first of them takes."""
        provider = self._registry.get(name)
        if provider is None:
            return [gr.update() for _ in (self.model, *self._offered)]
        models, other = provider.info.models, provider.info.other_models
        offer_models = gr.update(
            choices=[(model.name, model.id) for model in models],
            value=provider.info.models[0].id,
            allow_custom_value=other is not None,
            filterable=other is not None or len(models) > 10,
            visible=other is not None or len(models) > 1,
        )
        return [offer_models, *self._offer(name, provider.info.models[0].id)]

    def _offer(self, name: str, model_id: str) -> list[dict[str, Any]]:
        """Offers what the chosen model takes, and hides what it does not."""
        provider = self._registry.get(name)
        model = provider and provider.info.model(model_id)
        if provider is None or model is None:
            return [gr.update() for _ in self._offered]
        sizes = size_choices(model)
        options = provider.info.options_of(model)
        return [
            gr.update(
                choices=sizes,
                value=sizes[0][1] if sizes else None,
                visible=bool(sizes),
                allow_custom_value=bool(sizes),
            ),
            gr.update(visible=model.seed),
            gr.update(visible=model.negative_prompt),
            gr.update(value=_about(provider)),
            gr.update(visible=model.seed or model.negative_prompt or bool(options.model_fields)),
            *(gr.update(visible=group.options is options) for group in self._groups),
        ]


def _about(provider: Provider) -> str:
    """Says where a provider's pictures come from, and that they cost money where they do."""
    costs = "Each picture costs money." if provider.info.paid else ""
    return f"<p>{escape(' '.join(filter(None, (provider.info.about, costs))))}</p>"
