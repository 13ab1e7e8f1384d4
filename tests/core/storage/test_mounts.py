"""Where a database is not safe is recognised, and what to set instead is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage import mounts
from core.storage.database import StoreError
from core.storage.mounts import check_folders, remote_kind
from core.storage.store import Store
from tests.bucket_mount import bucket_mount, can_mount

LINE = "36 35 98:0 / {point} rw,noatime master:1 - {kind} source rw,errors=continue\n"


def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *points: tuple[Path | str, str]) -> None:
    """Has the system list these mounts."""
    lines = [LINE.format(point=str(point).replace(" ", "\\040"), kind=kind) for point, kind in points]
    (tmp_path / "mountinfo").write_text("".join(lines))
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "mountinfo")


@pytest.mark.parametrize("kind", ["nfs4", "fuse.hf-mount", "fuse", "cifs", "9p"])
def test_a_mount_of_another_machine_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "over there" / "data"
    mounted(monkeypatch, tmp_path, ("/", "overlay"), (tmp_path, "ext4"), (data.parent, kind))
    store = Store(data)
    store._database.close()
    (warning,) = store.warnings
    assert warning.startswith(f"The data_dir {data} is on a mount ({kind}) where a database may be damaged: ")
    assert "set data_dir to a folder on this machine's own disk, and bucket_dir to the mounted one" in warning
    assert warning in caplog.text
    assert [path.name for path in data.iterdir() if "probe" in path.name] == []


def test_a_disk_of_this_machine_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, tmp_path, ("/", "9p"), (tmp_path / "other", "nfs"))
    assert check_folders(tmp_path / "data", None) == [], "a container's own disk may be of any kind"
    mounted(monkeypatch, tmp_path, ("/", "ext4"), (tmp_path, "nfs"), (tmp_path / "data", "fuseblk"))
    assert remote_kind(tmp_path / "data") is None
    assert remote_kind(tmp_path / "database") == "nfs"
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "nothing")
    assert remote_kind(tmp_path) is None


@pytest.mark.skipif(not can_mount(), reason="only root can mount a bucket")
def test_a_bucket_as_the_data_folder_is_refused(tmp_path: Path) -> None:
    with bucket_mount(tmp_path / "files", tmp_path / "bucket") as bucket:
        with pytest.raises(
            StoreError, match=r"is on a mount \(fuse\) that no database can be on: set data_dir"
        ):
            Store(bucket / "data")
        assert list((bucket / "data").iterdir()) == []
        assert check_folders(tmp_path / "data", bucket) == []


def test_a_bucket_that_is_not_mounted_is_warned_of(tmp_path: Path) -> None:
    (warning,) = check_folders(tmp_path / "data", tmp_path / "bucket")
    assert warning.endswith(
        "is on the same disk as data_dir, and lost with it: check that the bucket is mounted there."
    )
