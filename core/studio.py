"""The studio: everything that a page, a route or a script may ask for."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from weakref import WeakValueDictionary

from core.chat.conversation import Conversation
from core.chat.failure import Rejected, SamePicture, Unavailable
from core.chat.message import Message, Version
from core.chat.picture import InputPicture, Preview
from core.chat.request import UserRequest
from core.generation.attempt import Attempt
from core.generation.limits import OWNER, Visitor
from core.generation.pipeline import Pipeline
from core.parts import file_stem, filename
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.storage.database import StoreError
from core.storage.retention import DAY
from core.storage.store import Store
from limner.clients import close_shared
from limner.formats import EXTENSIONS

log = logging.getLogger(__name__)

LAST_GRACE = 10.0
"""Seconds that a closing studio gives to what it has stopped."""
MAX_UNSAVED = 1_000
"""Messages kept in memory because they could not be saved."""
MAX_MESSAGES = 2_000
"""Messages in a conversation, all of which are in memory while it is open."""
MAX_IMAGES = 16
"""Pictures that a message may be sent with."""
CLOSING = "The server is stopping: try again in a moment."
MAX_VERSIONS = 200
"""Versions of a message."""


class Studio:
    """Makes pictures for the messages of conversations; belongs to one event loop, that of its first use."""

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self._pipeline = Pipeline(settings, registry, store)
        self._conversations: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._opening = asyncio.Lock()
        self._attempts: dict[asyncio.Task[None], Attempt] = {}
        self._unsaved: dict[Message, Conversation] = {}
        self._next_pruning = 0.0
        self._closing = False

    async def conversation(self, conversation_id: str) -> Conversation:
        """Returns the conversation of that id, with its stored messages; one object however many ask.

        Raises Unavailable if the store cannot be read.
        """
        async with self._opening:
            if time.monotonic() >= self._next_pruning:
                self._next_pruning = time.monotonic() + DAY
                await self._prune(self.settings.keep_days)
            conversation = self._conversations.get(conversation_id)
            if conversation is None:
                try:
                    messages = await self.store.load(conversation_id)
                except StoreError as error:
                    log.exception("A conversation could not be read")
                    advice = "try again in a moment, or tell whoever runs this server"
                    raise Unavailable(f"This conversation cannot be read from the disk: {advice}.") from error
                conversation = Conversation(conversation_id, messages)
                self._conversations[conversation_id] = conversation
            return conversation

    async def start(
        self,
        conversation: Conversation,
        request: UserRequest,
        *,
        images: Sequence[str] = (),
        mask: str | None = None,
        visitor: Visitor = OWNER,
    ) -> Message:
        """Adds a message and starts its picture; raises Rejected, and then nothing has changed.

        `images` and `mask` name pictures that belong to the conversation: those made in it, those that its
        messages were sent with, and those that `add_picture` gave it.
        """
        if len(conversation) >= MAX_MESSAGES:
            raise Rejected(f"This conversation has {MAX_MESSAGES:,} messages: start a new one.")
        request = await self._sent(conversation, request, images, mask)
        message = Message(id=secrets.token_hex(8), request=request, created=time.time())
        self._begin(conversation, message, request, visitor)
        return message

    async def regenerate(
        self,
        conversation: Conversation,
        message: Message,
        *,
        visitor: Visitor = OWNER,
        new_seed: bool | None = None,
    ) -> None:
        """Starts another version of a message; raises Rejected, and then nothing has changed.

        A seed that the person fixed is used again, unless `new_seed` is true. If that costs money for a
        picture which is there already, `new_seed` must say what is meant: else this raises SamePicture.
        """
        if len(message.versions) >= MAX_VERSIONS:
            raise Rejected(f"This message has {MAX_VERSIONS} versions: send its prompt as a new one.")
        if message.running:
            raise Rejected("This picture is already being made: wait for it, or stop it.")
        if new_seed is None and self._pipeline.would_bill_twice(message, visitor):
            raise SamePicture(
                "This would make the same picture again, since its seed is fixed, and it costs money: ask "
                "with ?seed=new for another picture, or with ?seed=same for this one once more."
            )
        request = message.request.model_copy(update={"seed": None}) if new_seed else message.request
        self._begin(conversation, message, request, visitor)

    def stop(self, message: Message) -> None:
        """Cancels what a message is running, if anything; the provider is told."""
        for attempt in self._attempts.values():
            if attempt.message is message:
                attempt.stop("person")

    async def add_picture(
        self, conversation: Conversation, image: bytes | str, filename: str = "", *, visitor: Visitor = OWNER
    ) -> InputPicture:
        """Takes a picture into a conversation: the bytes of a file, a ``data:`` URI, or an https link.

        It is kept upright and without metadata. Raises Rejected.
        """
        if self._closing:
            raise Unavailable(CLOSING)
        data, info = await self._pipeline.accept(image, visitor)
        name = f"{file_stem(filename.rpartition('.')[0] or filename)}.{EXTENSIONS[info.media_type]}"
        try:
            return await self.store.add_upload(conversation.id, data, info, name)
        except StoreError as error:
            log.exception("A picture that was sent could not be kept")
            raise Unavailable(
                "The picture could not be written to the disk: try again in a moment."
            ) from error

    def preview(self, name: str) -> Preview | None:
        """Returns a preview that a running message shows; None if there is a newer one, or none."""
        previews = (attempt.message.preview for attempt in self._attempts.values())
        return next((preview for preview in previews if preview and preview.name == name), None)

    async def choose(self, conversation: Conversation, message: Message, number: int) -> None:
        """Shows another version of a message; raises Rejected if that version has no picture."""
        if number not in {version.number for version in message.pictures}:
            raise Rejected("This picture has no such version: reload the page.")
        message.chosen = number
        conversation.revise(message)
        await self._save(conversation, message)
        conversation.announce()

    async def close(self) -> None:
        """Rejects new requests, lets what runs settle within `shutdown_grace`, and closes everything.

        A second call does nothing.
        """
        if self._closing:
            return
        self._closing = True
        if settling := set(self._attempts):
            log.info("Waiting for %d pictures that are being made", len(settling))
            await asyncio.wait(settling, timeout=self.settings.shutdown_grace)
            for attempt in self._attempts.values():
                attempt.stop("server")
            await asyncio.wait(settling, timeout=LAST_GRACE)
        await self._retry_unsaved()
        await close_shared()
        await self.store.close()

    async def _sent(
        self, conversation: Conversation, request: UserRequest, images: Sequence[str], mask: str | None
    ) -> UserRequest:
        """Returns the request with its pictures; raises Rejected for one of another conversation."""
        names = [*images, mask] if mask else [*images]
        if len(images) > MAX_IMAGES:
            raise Rejected(f"No model takes more than {MAX_IMAGES} pictures: leave some out.")
        known = _own_pictures(conversation, {*names})
        try:
            if unknown := {*names} - known.keys():
                brought = await self.store.uploads_of(conversation.id, unknown)
                known |= {picture.name: picture for picture in brought}
        except StoreError as error:
            log.exception("The pictures of a conversation could not be read")
            raise Unavailable("The pictures cannot be read from the disk: try again in a moment.") from error
        for number, name in enumerate(names):
            if name not in known or self.store.find(name) is None:
                which = f"Image {number + 1}" if number < len(images) else "The mask"
                raise Rejected(f"{which} is not in this conversation, or not kept any more: add it again.")
        sent = tuple(known[name] for name in images)
        return request.model_copy(update={"images": sent, "mask": known[mask] if mask else None})

    def _begin(
        self, conversation: Conversation, message: Message, request: UserRequest, visitor: Visitor
    ) -> None:
        if self._closing:
            raise Unavailable(CLOSING)
        plan = self._pipeline.admit(request, visitor)
        attempt = Attempt(conversation, message, plan, self._pipeline, self._save)
        self._attempts[attempt.settled] = attempt
        attempt.settled.add_done_callback(self._attempts.pop)

    async def _save(self, conversation: Conversation, message: Message, *versions: Version) -> None:
        """Saves what changed, then what could not be saved before, and forgets what is beyond the limits."""
        if not await self._try_save(conversation, message, *versions):
            return
        if self.settings.keep_bytes is not None and not message.running:
            await self._prune(newest=message)
        await self._retry_unsaved()

    async def _retry_unsaved(self) -> None:
        for message, conversation in list(self._unsaved.items()):
            conversation.revise(message)
            if not await self._try_save(conversation, message):
                return
            conversation.announce()

    async def _try_save(self, conversation: Conversation, message: Message, *versions: Version) -> bool:
        """Saves a message and returns whether that worked; if not, it is marked and stays in memory."""
        limits = self._pipeline.limits
        hits, limits.unsaved_hits = limits.unsaved_hits, []
        try:
            changed = message.versions if message.unsaved else versions
            await self.store.save(conversation.id, message, *changed, hits=hits)
        except StoreError:
            log.exception("A message could not be saved; it stays in memory")
            limits.unsaved_hits += hits
            message.unsaved = True
            self._unsaved[message] = conversation
            if len(self._unsaved) > MAX_UNSAVED:
                del self._unsaved[next(iter(self._unsaved))]
            return False
        message.unsaved = False
        self._unsaved.pop(message, None)
        return True

    async def _prune(self, keep_days: float | None = None, newest: Message | None = None) -> None:
        """Forgets what is beyond `keep_bytes`, and what is older than `keep_days`."""
        protected = {attempt.message.id for attempt in self._attempts.values()}
        if newest:
            protected.add(newest.id)
        keep_bytes = self.settings.keep_bytes
        try:
            forgotten = await self.store.prune(
                keep_days=keep_days,
                keep_bytes=keep_bytes,
                in_use=set(self._conversations),
                protected=protected,
            )
        except StoreError:
            log.exception("Old messages could not be forgotten")
            return
        for conversation_id, message_id in forgotten:
            if conversation := self._conversations.get(conversation_id):
                conversation.forget(message_id)


def _own_pictures(conversation: Conversation, names: set[str]) -> dict[str, InputPicture]:
    """Returns those of the named pictures that a conversation's messages were sent with, or have made."""
    own: dict[str, InputPicture] = {}
    for message in conversation:
        own |= {picture.name: picture for picture in message.request.pictures if picture.name in names}
        for version in message.pictures:
            picture = version.picture
            if picture and picture.name in names:
                own[picture.name] = InputPicture(**dict(picture), filename=filename(version))
    return own
