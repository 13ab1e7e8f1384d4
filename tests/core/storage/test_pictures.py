"""The folder of pictures: each is written once and whole, or kept in memory until it can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.storage.pictures import PictureFolder, is_writable, make_private
from limner.formats import EXTENSIONS
from limner.identify import ImageInfo
from tests.core.scripted import PNG
from tests.core.storage.samples import INFO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_private(tmp_path / "pictures")
    return tmp_path / "pictures"


def lose(folder: Path) -> None:
    """Makes every further write fail, for the superuser too."""
    os.rename(folder, folder.with_name("gone"))


def find_again(folder: Path) -> None:
    os.rename(folder.with_name("gone"), folder)


def test_a_picture_is_found_and_read_as_it_was_put(folder: Path) -> None:
    put = PictureFolder(folder).put(PNG, INFO)
    assert (put.media_type, put.width, put.height, put.size) == ("image/png", 16, 16, len(PNG))
    pictures = PictureFolder(folder)  # another process
    assert pictures.find(put.name) == folder / put.name
    assert pictures.read(put.name) == PNG


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_picture_has_the_extension_of_its_type(folder: Path, media_type: str) -> None:
    name = PictureFolder(folder).put(PNG, ImageInfo(media_type, 1, 1)).name
    assert name.endswith(f".{EXTENSIONS[media_type]}")
    assert PictureFolder(folder).read(name) == PNG


def test_a_picture_is_private_and_its_name_cannot_be_guessed(folder: Path) -> None:
    pictures = PictureFolder(folder)
    names = {pictures.put(PNG, INFO).name for _ in range(10)}
    assert {path.name for path in folder.iterdir()} == names
    assert {len(name) for name in names} == {36}
    assert len({name.partition(".")[0] for name in names}) == 10
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}


@pytest.mark.parametrize(
    "name",
    [
        *("../limner.sqlite3", "0" * 32 + ".exe", "0" * 32, "..", "", "0" * 32 + ".png\n", "A" * 32 + ".png"),
        *("x" * 32 + ".png", "0" * 31 + ".png", f"{'0' * 32}.png.png", f"../pictures/{'0' * 32}.png"),
    ],
)
def test_only_a_pictures_own_name_finds_anything(folder: Path, name: str) -> None:
    (folder / f"{'0' * 32}.png").write_bytes(b"here")
    if not (folder / name).exists():
        (folder / name).write_bytes(b"here")
    assert PictureFolder(folder).find(name) is None
    assert PictureFolder(folder).read(name) is None


def test_a_picture_that_is_not_there_is_none(folder: Path) -> None:
    (folder / f"{'1' * 32}.png").mkdir()
    for digit in "01":
        assert PictureFolder(folder).find(digit * 32 + ".png") is None
        assert PictureFolder(folder).read(digit * 32 + ".png") is None


def test_a_picture_that_cannot_be_written_is_in_memory_and_leaves_no_half_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError("no space left on device")

    pictures = PictureFolder(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        name = pictures.put(PNG, INFO).name
    assert pictures.find(name) == pictures.read(name) == PNG
    assert list(folder.iterdir()) == []


def test_what_is_in_memory_is_written_as_soon_as_it_can_be(folder: Path) -> None:
    pictures = PictureFolder(folder)
    lose(folder)
    first, second = (pictures.put(PNG, INFO).name for _ in range(2))
    with pytest.raises(OSError, match="No such file"):
        pictures.write([first])
    assert pictures.find(first) == PNG
    find_again(folder)
    pictures.write([first, "0" * 32 + ".png"])
    assert pictures.find(first) == folder / first
    assert pictures.read(first) == PNG
    assert pictures.find(second) == PNG, "nobody has asked for it to be written"
    pictures.write([first])  # does nothing more
    assert [path.name for path in folder.iterdir()] == [first]


def test_memory_for_unwritten_pictures_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.storage.pictures.MAX_IN_MEMORY", 2 * len(PNG))
    pictures = PictureFolder(folder)
    lose(folder)
    names = [pictures.put(PNG, INFO).name for _ in range(3)]
    assert [pictures.find(name) for name in names] == [None, PNG, PNG]
    monkeypatch.setattr("core.storage.pictures.MAX_IN_MEMORY", 1)
    last = pictures.put(PNG, INFO).name
    assert [pictures.find(name) for name in (*names, last)] == [None, None, None, PNG], "the newest stays"


def test_forgetting_deletes_the_files(folder: Path) -> None:
    pictures = PictureFolder(folder)
    first, second, kept = (pictures.put(PNG, INFO).name for _ in range(3))
    os.unlink(folder / second)
    pictures.forget([first, second, "0" * 32 + ".png"])
    assert [path.name for path in folder.iterdir()] == [kept]
    assert pictures.find(first) is None


def test_a_folder_that_cannot_be_made_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not is_writable(tmp_path / "file" / "data")
    assert is_writable(tmp_path / "deep" / "data")
    assert list((tmp_path / "deep" / "data").iterdir()) == []
