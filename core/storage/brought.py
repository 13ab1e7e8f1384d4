"""The pictures that people bring into a conversation."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeAlias

from sqlalchemy import Connection, select

from core.chat.picture import InputPicture, Picture
from core.storage.conversations import note
from core.storage.database import Database
from core.storage.tables import uploads
from core.storage.uploads import add_upload, forget_pictures
from limner.identify import ImageInfo

Put: TypeAlias = Callable[[bytes, ImageInfo], Awaitable[Picture]]
Without: TypeAlias = Callable[[Callable[[Connection], tuple[None, list[str]]]], Awaitable[None]]


class Uploads:
    """Takes in what people bring, and finds it again; every method may raise StoreError.

    `put` stores a picture; `without` does work that returns also which pictures are not needed any more, and
    deletes these.
    """

    def __init__(self, database: Database, put: Put, without: Without) -> None:
        self._database = database
        self._put = put
        self._without = without

    async def add(
        self, conversation_id: str, data: bytes, info: ImageInfo, filename: str, owner: str | None = None
    ) -> InputPicture:
        """Stores a picture that somebody brought into a conversation, which is the owner's if it is new.

        Of too many that no message was sent with it forgets the oldest.
        """
        picture = InputPicture(**dict(await self._put(data, info)), filename=filename)

        def add(connection: Connection) -> tuple[None, list[str]]:
            note(connection, conversation_id, owner)
            return None, add_upload(connection, conversation_id, picture)

        await self._without(add)
        return picture

    async def of(self, conversation_id: str, names: Collection[str]) -> list[InputPicture]:
        """Returns those of the named pictures that somebody brought into a conversation."""
        is_one = (uploads.c.thread == conversation_id, uploads.c.picture.in_(names))
        found = select(uploads.c.content).where(*is_one)
        contents = await self._database.read(lambda connection: connection.execute(found).scalars().all())
        return [InputPicture.model_validate_json(content) for content in contents]

    async def find(self, name: str) -> InputPicture | None:
        """Returns what is known of a picture that somebody brought; None if nobody brought it."""
        found = select(uploads.c.content).where(uploads.c.picture == name)
        content = await self._database.read(lambda connection: connection.execute(found).scalar_one_or_none())
        return InputPicture.model_validate_json(content) if content else None

    async def forget(self, names: Iterable[str]) -> None:
        """Deletes those of these pictures that belong to no message."""
        now = time.time()
        await self._without(lambda connection: (None, forget_pictures(connection, names, now)))
