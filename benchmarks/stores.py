"""What it costs to keep a conversation and to find it again, in each database that the store can have.

`python -m benchmarks.stores` compares with the least that can be: the same bytes in a bare file, flushed to
the disk, and the same texts in a bare SQLite table.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from benchmarks.measuring import print_table
from benchmarks.service import picture
from core.chat.message import Message, Provenance, Version
from core.chat.picture import Picture
from core.chat.request import UserRequest
from core.storage.store import Store
from limner.identify import ImageInfo, identify

STORES: dict[str, Callable[[Path], Store]] = {"SQLite": Store}
"""How each is opened in a folder."""
MANY = 1000
OWNER = "owner"
TIMES = 50
PROVENANCE = Provenance(
    prompt="A fox", provider="openai", provider_label="OpenAI", model="gpt-image-2", model_label="GPT Image 2"
)


async def main() -> None:
    """Fills each store, measures, and prints the medians beside those of the bare writing and reading."""
    data = picture(2_700_000)
    info = identify(data)
    with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
        bare = _bare(Path(folder), data)
        found = {
            name: await _measure(open_store, Path(folder) / name, data, info)
            for name, open_store in STORES.items()
        }
    rows: list[list[str]] = []
    for operation, seconds in bare.items():
        row = [operation, f"{seconds * 1000:.2f} ms"]
        for measured in found.values():
            row += [f"{measured[operation] * 1000:.2f} ms", f"{measured[operation] / seconds:.1f}"]
        rows.append(row)
    heads = ["", "bare"]
    for name in STORES:
        heads += [name, "of bare"]
    print_table(heads, rows)


def _bare(folder: Path, data: bytes) -> dict[str, float]:
    """Returns the seconds that each operation needs without a store."""
    database = sqlite3.connect(folder / "bare.sqlite3")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, content TEXT)")
    content = example(0).versions[0].model_dump_json() * 2

    def insert() -> None:
        with database:
            database.execute("INSERT INTO message (content) VALUES (?)", (content,))

    def write() -> None:
        with (folder / "bare.png").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        insert()

    def read(rows: int) -> None:
        database.execute("SELECT content FROM message LIMIT ?", (rows,)).fetchall()

    with database:
        database.executemany("INSERT INTO message (content) VALUES (?)", [(content,)] * MANY)
    return {
        "start a message": _median(insert),
        "settle it with 2.7 MB": _median(write),
        f"open a conversation of {MANY:,}": _median(lambda: read(MANY)),
        f"list the latest 50 of {MANY:,}": _median(lambda: read(50)),
        f"search {MANY:,} for a word": _median(lambda: read(MANY)),
        "open the store": _median(lambda: sqlite3.connect(folder / "bare.sqlite3").execute("SELECT 1")),
    }


async def _measure(
    open_store: Callable[[Path], Store], folder: Path, data: bytes, info: ImageInfo
) -> dict[str, float]:
    store = open_store(folder)
    await store.add("many", [example(number) for number in range(MANY)], OWNER)
    for number in range(MANY):
        await store.add(f"{number:032x}", [example(number, f"conversation-{number}-")], OWNER)
    messages = iter([example(number, "new-") for number in range(2 * TIMES)])

    async def start() -> None:
        message = next(messages)
        await store.save("new", message, *message.versions, owner=OWNER)

    async def settle() -> None:
        message = next(messages)
        kept = await store.put(data, info)
        await store.save("new", message, message.versions[0].completed(kept, PROVENANCE), owner=OWNER)

    measured = {
        "start a message": await _timed(start),
        "settle it with 2.7 MB": await _timed(settle),
        f"open a conversation of {MANY:,}": await _timed(lambda: store.load("many"), 5),
        f"list the latest 50 of {MANY:,}": await _timed(lambda: store.conversations.of_owner(OWNER)),
        f"search {MANY:,} for a word": await _timed(lambda: store.conversations.of_owner(OWNER, "fox 999")),
    }
    await store.close()
    begun = time.perf_counter()
    store = open_store(folder)
    measured["open the store"] = time.perf_counter() - begun
    await store.close()
    return measured


def example(number: int, prefix: str = "") -> Message:
    """Returns a message; one that is new has a version that runs."""
    request = UserRequest(prompt=f"A fox in the snow, at dusk, number {number}", provider="openai")
    version = Version(number=1, provenance=PROVENANCE)
    if prefix != "new-":
        name = f"{number:032x}.png"
        made = Picture(name=name, media_type="image/png", width=1024, height=1024, size=2_700_000)
        version = version.completed(made, PROVENANCE)
    return Message(
        f"{prefix}{number}",
        request,
        time.time() + number / 1000,
        rev=number + 1,
        versions=[version],
        last_number=1,
    )


def _median(work: Callable[[], object]) -> float:
    return median(_times(work) for _ in range(TIMES))


def _times(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def _timed(work: Callable[[], Awaitable[object]], times: int = TIMES) -> float:
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


if __name__ == "__main__":
    asyncio.run(main())
