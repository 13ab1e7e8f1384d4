"""Imports an SDK at the top; Pillow stands for one."""

import PIL.Image  # noqa: F401
from paint import dots

describe, generate = dots.describe, dots.generate
