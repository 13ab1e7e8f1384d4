"""The reloader of `gradio app.py`: it runs the app again in a thread, over the same data, at every edit."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

_SENTENCE = (
    "Limner serves, but does not reload: the gradio command would open its data a second time. Start it again "
    "after an edit."
)


def leave_reloader(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has gradio, which reads the variable when it is imported, reload nothing, and says so."""
    if environment.pop("GRADIO_WATCH_DIRS", ""):
        print(_SENTENCE, file=sys.stderr)
