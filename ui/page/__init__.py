"""The page that Gradio shows."""
