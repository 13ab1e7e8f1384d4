"""Plugins that are single files in a folder which the settings name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

OF_A_FILE = "the file "
"""How the source of such a plugin begins."""


@dataclass(frozen=True)
class PluginFile:
    """A file that is a plugin, not imported yet; what an entry point has, it has too."""

    path: Path

    @property
    def name(self) -> str:
        """The plugin's name: that of the file."""
        return self.path.stem

    @property
    def module(self) -> str:
        """The name of its module, which nothing else in Python has."""
        return f"limner_plugin_file_{self.path.stem}"

    @property
    def source(self) -> str:
        return f"{OF_A_FILE}{self.path.name}"

    def load(self) -> ModuleType:
        """Imports the file; raises whatever that raises."""
        spec = importlib.util.spec_from_file_location(self.module, self.path)
        assert spec  # as its name ends in .py
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module  # where pydantic looks for the names in its annotations
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(self.module, None)
            raise
        return module


def find_files(folder: Path) -> Iterator[PluginFile]:
    """Yields the plugins in a folder by name: each `*.py` file that does not begin with `_` or a dot."""
    for path in sorted(folder.glob("*.py")):
        if path.name[0] not in "_." and path.is_file():
            yield PluginFile(path)
