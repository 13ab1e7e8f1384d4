"""The composer: the prompt, what makes the picture of it, and what the chosen model takes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from core import Refused
from core.asked import Asked
from core.registry import Provider
from core.studio import Studio
from limner import Options
from ui.controls import option_controls, read_option, size_choices
from ui.routes import THREAD_ID
from ui.visitor import visitor


@dataclass(frozen=True)
class _OptionGroup:
    """The controls of one class of options, shown while a model that takes it is chosen."""

    options: type[Options]
    row: gr.Row
    controls: dict[str, Component]


class Composer:
    """Draws the composer inside the running `gr.Blocks` and starts pictures in the studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        default = studio.registry.get(studio.settings.provider) or next(iter(studio.registry))
        with gr.Column(elem_id="limner-composer"):
            self.error = gr.HTML(elem_id="limner-error", padding=False)
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
                self.provider = gr.Dropdown(
                    [(provider.label, provider.name) for provider in studio.registry],
                    value=default.name,
                    label="Provider",
                    min_width=120,
                )
                self.model = gr.Dropdown(label="Model", min_width=120)
                self.size = gr.Dropdown(label="Size", min_width=120)
                self.seed = gr.Textbox(label="Seed", placeholder="random", max_length=10, min_width=100)
            self.about = gr.HTML(padding=False, elem_id="limner-about")
            with gr.Accordion("Options", open=False, elem_id="limner-options") as self.more:
                self.negative_prompt = gr.Textbox(
                    label="Leave out", placeholder="What should not be in the picture"
                )
                self._groups = [self._draw_group(options) for options in self._option_classes()]
            self.thread = gr.Textbox(visible=False)
        self._set_initial(default)
        self._listen()

    def _option_classes(self) -> list[type[Options]]:
        classes: dict[type[Options], None] = {}
        for provider in self._studio.registry:
            others = [provider.info.other_models] if provider.info.other_models else []
            for model in (*provider.info.models, *others):
                classes[provider.info.options_of(model)] = None
        return [options for options in classes if options.model_fields]

    def _draw_group(self, options: type[Options]) -> _OptionGroup:
        with gr.Row(visible=False) as row:
            return _OptionGroup(options, row, option_controls(options))

    @property
    def _option_inputs(self) -> list[Component]:
        return [control for group in self._groups for control in group.controls.values()]

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
        """Gives the components the values of the default provider, so that the page needs no first round trip."""
        updates = [self._offer_models(default.name), *self._offer(default.name, None)]
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
        self.provider.change(self._offer_models, self.provider, self.model, **quietly).then(
            self._offer, [self.provider, self.model], self._offered, **quietly
        )
        self.model.input(self._offer, [self.provider, self.model], self._offered, **quietly)
        choices = [
            self.provider,
            self.model,
            self.size,
            self.seed,
            self.negative_prompt,
            *self._option_inputs,
        ]
        gr.on(
            [self.create.click, self.prompt.submit],
            self._send,
            [self.thread, self.prompt, *choices],
            [self.thread, self.error],
            js="(thread, ...rest) => [window.limnerThread(), ...rest]",
            **quietly,
        ).then(
            None,
            [self.prompt, self.thread],
            self.prompt,
            js="(prompt, sent) => sent === prompt ? '' : prompt",
        )

    def _offer_models(self, name: str) -> dict[str, Any]:
        provider = self._studio.registry.get(name)
        if provider is None:
            return gr.update()
        return gr.update(
            choices=[(model.name, model.id) for model in provider.info.models],
            value=provider.info.models[0].id,
            allow_custom_value=provider.info.other_models is not None,
        )

    def _offer(self, name: str, model_id: str | None) -> list[dict[str, Any]]:
        """Offers what the chosen model takes, and hides what it does not."""
        provider = self._studio.registry.get(name)
        model = provider and (provider.info.model(model_id) or provider.info.models[0])
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
            gr.update(visible=model.negative_prompt or bool(options.model_fields)),
            *(gr.update(visible=group.options is options) for group in self._groups),
        ]

    async def _send(
        self,
        request: gr.Request,
        thread_id: str,
        prompt: str,
        provider: str,
        model: str,
        size: str | None,
        seed: str,
        negative_prompt: str,
        *options: Any,
    ) -> tuple[str, str]:
        """Starts a picture; gives the prompt that was taken, or an error for the composer's own line."""
        try:
            if not THREAD_ID.fullmatch(thread_id or ""):
                raise Refused("This page has lost its conversation: reload it.")
            asked = Asked(
                prompt=prompt,
                provider=provider,
                model=model,
                size=size or None,
                seed=_read_seed(seed),
                negative_prompt=negative_prompt or None,
                options=self._chosen_options(provider, model, options),
            )
            thread = await self._studio.thread(thread_id)
            asker = visitor(request, behind_proxy=self._studio.settings.behind_proxy)
            await self._studio.start(thread, asked, visitor=asker)
        except Refused as refusal:
            return "", f'<p role="alert">{escape(str(refusal))}</p>'
        return prompt, ""

    def _chosen_options(self, name: str, model_id: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """Picks the values of the controls that belong to the chosen model."""
        provider = self._studio.registry.get(name)
        model = provider and provider.info.model(model_id)
        if provider is None or model is None:
            return {}
        given = iter(values)
        for group in self._groups:
            mine = {name: next(given) for name in group.controls}
            if group.options is provider.info.options_of(model):
                read = {name: read_option(group.options, name, value) for name, value in mine.items()}
                return {name: value for name, value in read.items() if value is not None}
        return {}


def _read_seed(text: str) -> int | None:
    text = (text or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Refused(
            f"The seed {text[:20]!r} is not a whole number: correct it, or empty it for a new one each time."
        )
    return int(text)


def _about(provider: Provider) -> str:
    """Says where a provider's pictures come from, and that they cost money where they do."""
    costs = "Each picture costs money." if provider.info.paid else ""
    return f"<p>{escape(' '.join(filter(None, (provider.info.about, costs))))}</p>"
