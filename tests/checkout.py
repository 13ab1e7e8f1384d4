"""A copy of the repository as it is worked on, in a folder of a test's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.serving import ROOT


def copy_checkout(folder: Path) -> Path:
    """Copies every file that is, or could be, committed, but the tests, and returns the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder
