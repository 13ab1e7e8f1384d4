"""The templates of this folder; whatever is put into them is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
