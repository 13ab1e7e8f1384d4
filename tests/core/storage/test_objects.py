"""Pictures in an object store: an S3 server on the loopback, through the real library."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from core.settings.schema import Settings, load_settings
from core.settings.sources import SettingsError
from core.storage import removal
from core.storage.database import StoreError
from core.storage.objects import ObjectPictures
from core.storage.store import Store
from core.studio import Studio
from limner.formats import EXTENSIONS
from limner.identify import ImageInfo
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, ask
from tests.core.storage.samples import INFO, execute
from tests.object_store import ObjectStore, run_object_store
from tests.plugins.objects import registry_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def s3() -> Iterator[ObjectStore]:
    with run_object_store() as running:
        yield running


@pytest.fixture
def bucket(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.new_bucket()


def pictures_of(bucket: str) -> ObjectPictures:
    return ObjectPictures(bucket)


async def test_a_folder_that_all_machines_mount_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    url = (tmp_path / "shared").as_uri()
    picture = pictures_of(url).put(PNG, INFO)
    assert pictures_of(url).read(picture.name) == PNG
    pictures_of(url).keep_thumbnail(picture.name, b"")
    assert pictures_of(url).thumbnail(picture.name) == b""
    pictures_of(url).forget([picture.name])
    assert not pictures_of(url).has(picture.name)


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_picture_is_written_once_and_read_by_another_process(bucket: str, media_type: str) -> None:
    name = pictures_of(bucket).put(PNG, ImageInfo(media_type, 1, 1)).name
    other = pictures_of(bucket)
    assert (other.read(name), other.has(name)) == (PNG, True)
    with pytest.raises(other._exists):
        other._obstore.put(other._store, f"pictures/{name}", b"another", mode="create")


def test_what_is_deleted_is_gone_with_its_thumbnail(bucket: str, s3: ObjectStore) -> None:
    pictures = pictures_of(bucket)
    name = pictures.put(PNG, INFO).name
    pictures.keep_thumbnail(name, b"small")
    assert pictures.thumbnail(name) == b"small"
    assert sorted(s3.names(bucket)) == [f"limner/pictures/{name}", f"limner/thumbnails/{name}.webp"]
    pictures.forget([name, "../check", "0" * 32 + ".png"])
    assert s3.names(bucket) == []
    assert (pictures.read(name), pictures.has(name)) == (None, False)


@pytest.mark.parametrize("name", ["../../etc/passwd", "check", "a/b.png", "0" * 32 + ".exe", ""])
def test_no_other_name_is_asked_for(bucket: str, name: str) -> None:
    pictures = pictures_of(bucket)
    pictures.check()
    assert (pictures.find(name), pictures.has(name)) == (None, False)


async def test_a_studio_keeps_its_pictures_there(bucket: str, s3: ObjectStore, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, provider="scripted", pictures=bucket)
    studio = Studio(settings, registry_of(settings=settings, scripted=ScriptedProvider()), Store.of(settings))
    try:
        _, _, version = await ask(studio)
        assert version.picture
        name = version.picture.name
        assert await studio.store.find(name) == PNG
        thumbnail = await studio.store.thumbnails.find(name)
        assert thumbnail
        assert thumbnail.image == PNG, "it is as small as a thumbnail"
        marked = ["limner/pictures.database", f"limner/pictures/{name}", f"limner/thumbnails/{name}.webp"]
        assert s3.names(bucket) == marked
        assert [*(tmp_path / "pictures").iterdir()] == []
        brought = await studio.add_picture(await studio.conversation(CONVERSATION), PNG, "fox.png")
        assert await studio.store.has(brought.name)
        await studio.store.check()
    finally:
        await studio.close()


async def test_a_store_that_cannot_be_reached_loses_nothing(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.storage.objects.RETRY_TIME", timedelta(seconds=0.2))
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    store = Store(tmp_path, objects=ObjectPictures(bucket))
    picture = await store.put(PNG, INFO)
    assert await store.read(picture.name) == PNG, "it is in memory"
    with pytest.raises(StoreError, match="The pictures cannot be reached"):
        await store.find("0" * 32 + ".png")
    with pytest.raises(StoreError):
        await store.check()
    await store.close()


async def test_a_link_lasts_ten_minutes_and_needs_no_key(bucket: str) -> None:
    pictures = ObjectPictures(bucket, links=True)
    name = pictures.put(PNG, INFO).name
    link = pictures.link(name)
    assert link
    assert pictures.origin
    assert link.startswith(pictures.origin)
    assert "X-Amz-Expires=600" in link
    answer = httpx2.get(link)
    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")
    assert pictures_of(bucket).link(name) is None


@pytest.mark.parametrize("kind", ["folder", "objects"])
async def test_what_belongs_to_nothing_goes_after_a_day(
    kind: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, objects=pictures_of(bucket) if kind == "objects" else None)
    orphans = [(await store.put(PNG, INFO)).name for _ in range(3)]
    kept = await store.uploads.add(CONVERSATION, PNG, INFO, "fox.png")
    assert await store.removal.sweep(()) == 0, "they may be about to be written to their messages"
    monkeypatch.setattr(removal, "ORPHAN_SECONDS", -60.0)
    await execute(store, "UPDATE origin SET created = created - 10")
    assert await store.removal.sweep({orphans[0]}) == 2
    assert [await store.has(name) for name in [*orphans, kept.name]] == [True, False, False, True]
    await store.close()


@pytest.mark.parametrize("kind", ["folder", "objects"])
@pytest.mark.parametrize("is_marked", [True, False])
async def test_another_database_deletes_nothing_that_it_does_not_know(
    kind: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_marked: bool
) -> None:
    """One that was moved away and replaced by an empty one, or a second one beside it."""
    monkeypatch.setattr(removal, "ORPHAN_SECONDS", -60.0)
    objects = pictures_of(bucket) if kind == "objects" else None
    first = Store(tmp_path, objects=objects)
    kept = [(await first.uploads.add(CONVERSATION, PNG, INFO, "fox.png")).name for _ in range(3)]
    if is_marked:
        await first.removal.sweep(())
    await first.close()
    (tmp_path / "limner.sqlite3").rename(tmp_path / "moved")
    second = Store(tmp_path, objects=objects)
    created = "created - 10" if is_marked else "created + 10"
    await execute(second, f"UPDATE origin SET created = {created}")
    assert await second.removal.sweep(()) == 0
    assert all([await second.has(name) for name in kept])
    await second.close()


@pytest.mark.parametrize(
    "url", ["s3://", "https://bucket", "bucket", "s3://key:secret@bucket/prefix", "gs:bucket"]
)
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^The setting pictures must be an address such as s3://bucket"):
        load_settings(pictures=url)


def test_without_the_setting_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.storage.store import Store;"
        "Store(Path(sys.argv[1])); print(sorted({'obstore', 'psycopg', 'redis', 'alembic'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_time_is_that_of_the_store(bucket: str) -> None:
    pictures = pictures_of(bucket)
    name = pictures.put(PNG, INFO).name
    assert [*pictures.old(time.time() - 60)] in ([], [[]])
    (((found, at),),) = pictures.old(time.time() + 60)
    assert (found, at) == (name, pytest.approx(time.time(), abs=60))
