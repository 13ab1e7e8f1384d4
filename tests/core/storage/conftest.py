"""A bucket: a mount with its rules where the tests may have one, else a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket_mount import bucket_mount, can_mount


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Path]:
    """Returns a bucket; what is in it lies in `files`."""
    if can_mount():
        with bucket_mount(tmp_path / "files", tmp_path / "bucket") as mount:
            yield mount
    else:
        (tmp_path / "files").mkdir()
        (tmp_path / "bucket").symlink_to(tmp_path / "files")
        yield tmp_path / "bucket"
