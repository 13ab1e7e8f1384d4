"""The face: the page that gradio shows and the routes beside it."""
