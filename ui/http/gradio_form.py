"""The endpoint `/generate` as Gradio's own clients see it; Gradio describes it, and runs nothing of it."""

from __future__ import annotations

import inspect
from typing import Any, cast

import gradio as gr

from core.studio import Studio


def generate(
    prompt: str,
    provider: str | None = None,
    model: str | None = None,
    size: str | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    options: dict[str, Any] | None = None,
    image: str | None = None,
    mask: str | None = None,
) -> None:
    """Makes a picture from a prompt, with the default of whatever is left out.

    A size is 1024x1024 or a ratio such as 3:2; an image to be changed, and the mask that says where, are a
    data: URI or an https link.
    """
    raise NotImplementedError  # it is only described: the server answers for it


PARAMETERS = tuple(inspect.signature(generate).parameters)


def describe(studio: Studio) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what a client asks for before it calls: the app, and the parameters of its endpoint."""
    providers = [("Default", ""), *((one.name, one.name) for one in studio.registry)]
    with gr.Blocks(title="Limner", analytics_enabled=False) as form:
        with gr.Row():
            with gr.Column():
                inputs = [
                    gr.Textbox(label="Prompt", lines=3),
                    gr.Dropdown(providers, label="Provider", value=""),
                    gr.Textbox(label="Model"),
                    gr.Textbox(label="Size"),
                    gr.Number(label="Seed", precision=0, visible=False),  # a form would send 0 for none
                    gr.Textbox(label="Negative prompt"),
                    gr.JSON(label="Options", visible=False),
                    gr.Textbox(label="Image"),
                    gr.Textbox(label="Mask"),
                ]
                button = gr.Button("Generate", variant="primary")
            with gr.Column():
                outputs = [gr.Image(label="Picture", type="filepath"), gr.JSON(label="Metadata")]
        button.click(generate, inputs, outputs, api_name=generate.__name__)
    return cast("dict[str, Any]", form.get_config_file()), cast("dict[str, Any]", form.get_api_info())
