"""The studio: everything that a page, a route or a script may ask for."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import IO, Any

from core.chat.conversation import MAX_MESSAGES, Conversation, ConversationEntry
from core.chat.failure import Missing, Rejected, SamePicture, Unavailable
from core.chat.message import MAX_VERSIONS, Message
from core.chat.picture import BroughtPicture, Preview
from core.chat.request import UserRequest
from core.export import Draw, export
from core.generation.attempt import Attempt
from core.generation.deletion import Deletion, no_version
from core.generation.making import Making
from core.generation.pipeline import Pipeline
from core.generation.saving import Saving
from core.generation.usual import UsualTimes
from core.generation.visitor import OWNER, Visitor
from core.importing import Importer
from core.parts import safe_filename
from core.plugins.imports import import_modules
from core.plugins.registry import Registry
from core.replicas import Replicas
from core.sending import pictures_to_send
from core.settings.schema import Settings
from core.storage.database import StoreError
from core.storage.notices import Notice
from core.storage.opened import OpenConversations
from core.storage.retention import DAY
from core.storage.store import Store
from limner.clients import close_shared

log = logging.getLogger(__name__)

CLOSING = "The server is stopping: try again in a moment."


class Studio:
    """Makes pictures for the messages of conversations; belongs to one event loop, that of its first use."""

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self._pipeline = Pipeline(settings, registry, store)
        self._importer = Importer(settings, store, self._pipeline)
        self._conversations = OpenConversations(store)
        self._attempts: dict[asyncio.Task[None], Attempt] = {}
        self._saving = Saving(settings, store, self._pipeline.limits, self._conversations, self._attempts)
        self._deletion = Deletion(self._saving, self._attempts)
        self._usual = UsualTimes(store)
        self._making = Making(self._attempts, self._pipeline, self._saving, self._usual)
        self._replicas = Replicas(store, self._conversations, self._making, registry)
        self._next_pruning = 0.0
        self.is_closing = False

    async def prepare(self) -> None:
        """Begins to take part in what other processes do, and imports what the default provider needs.

        A server calls it, which lives on: it takes over what dead processes were making. The first picture
        would wait for the import, which is only for a provider that has its key.
        """
        self._replicas.start()
        provider = self.registry.get(self.settings.provider)
        if provider and not provider.lacks_credential:
            await import_modules(provider.info.imports)

    async def conversation(self, conversation_id: str, visitor: Visitor = OWNER) -> Conversation:
        """Returns the conversation with that id and its stored messages: the same object for all who ask.

        An unknown id is a new one, stored with its first message or picture; one without an owner becomes the
        visitor's. Raises Missing if it is another visitor's, or deleted, Unavailable if it cannot be read.
        """
        if time.monotonic() >= self._next_pruning:
            self._next_pruning = time.monotonic() + DAY
            await self._saving.prune(self.settings.keep_days)
            await self._deletion.purge()
            self._deletion.purge_later()  # what was deleted just before a restart
            self._deletion.sweep_later()
            await self._usual.load()
        return await self._conversations.open(conversation_id, visitor.key)

    async def existing_conversation(self, conversation_id: str, visitor: Visitor) -> Conversation:
        """Returns a conversation that exists, and adopts nothing; raises as `conversation` does."""
        return await self._conversations.find(conversation_id, visitor.key)

    async def conversations(
        self, visitor: Visitor, search: str = "", before: float | None = None
    ) -> list[ConversationEntry]:
        """Returns a visitor's conversations, the latest first, 50 at most: those updated before a time.

        Each word of the search is in the title, or all of them in one prompt.
        """
        return await self._conversations.of_owner(visitor.key, search, before)

    async def entry(self, conversation_id: str, visitor: Visitor) -> ConversationEntry:
        """Returns what a list shows of a conversation; raises Missing also for an unknown one."""
        return await self._conversations.entry(conversation_id, visitor.key)

    async def rename(self, conversation_id: str, title: str, visitor: Visitor) -> ConversationEntry:
        """Renames a conversation; raises Rejected."""
        return await self._conversations.rename(conversation_id, title, visitor.key)

    async def delete_conversation(self, conversation_id: str, visitor: Visitor) -> None:
        """Stops what runs in a conversation and deletes it, for good in a minute; raises Missing."""
        await self._conversations.delete(conversation_id, visitor.key)
        self._deletion.purge_later()
        self._making.stop(conversation_id)
        self._replicas.tell(Notice("stop", conversation_id))

    async def restore_conversation(self, conversation_id: str, visitor: Visitor) -> ConversationEntry:
        """Takes back that a conversation was deleted; raises Missing if it is too late."""
        return await self._conversations.restore(conversation_id, visitor.key)

    async def adopt(self, visitor: Visitor, user: Visitor) -> None:
        """Makes a visitor's conversations those of the user as whom they signed in; may raise Unavailable."""
        if visitor.key and user.key:
            await self._conversations.give(visitor.key, user.key)

    async def start(
        self,
        conversation: Conversation,
        *requests: UserRequest,
        images: Sequence[str] = (),
        mask: str | None = None,
        visitor: Visitor = OWNER,
    ) -> Message:
        """Adds a message and starts a version for each request, of which the first is the message's own.

        Raises Rejected, and then nothing has changed. `images` and `mask` name pictures of the conversation:
        those made in it, those that its messages were sent with, and those that `add_picture` gave it.
        """
        self._check_open()
        if conversation.deleted is not None:
            raise Missing("This conversation was deleted: restore it, or start a new one.")
        if len(conversation) >= MAX_MESSAGES:
            raise Rejected(f"This conversation has {MAX_MESSAGES:,} messages: start a new one.")
        sent = await pictures_to_send(conversation, self.store, images, mask)
        requests = tuple(request.model_copy(update=sent) for request in requests)
        created = max(time.time(), conversation.last_created + 1e-6)  # a clock may be set back
        message = Message(id=secrets.token_hex(8), request=requests[0], created=created)
        await self._making.begin(conversation, message, requests, visitor)
        return message

    async def add_versions(
        self,
        conversation: Conversation,
        message: Message,
        *requests: UserRequest,
        new_seed: bool | None = None,
        visitor: Visitor = OWNER,
    ) -> None:
        """Starts another turn: a version of the message for each request, with the message's own pictures.

        Raises Rejected, and then nothing has changed. If one costs money for a picture which is there
        already, since its seed is fixed, `new_seed` must say whether another seed is meant: else this raises
        SamePicture.
        """
        async with conversation.beginning:
            await self._add_versions(conversation, message, requests, new_seed, visitor)

    async def _add_versions(
        self,
        conversation: Conversation,
        message: Message,
        requests: Sequence[UserRequest],
        new_seed: bool | None,
        visitor: Visitor,
    ) -> None:
        self._check_open()
        if len(message.versions) + len(requests) > MAX_VERSIONS:
            raise Rejected(f"This message has {MAX_VERSIONS} versions: send its prompt as a new one.")
        if message.running:
            raise Rejected("This picture is already being made: wait for it, or stop it.")
        update: dict[str, Any] = {"images": message.request.images, "mask": message.request.mask}
        if new_seed:
            update["seed"] = None
        requests = tuple(request.model_copy(update=update) for request in requests)
        if new_seed is None and self._pipeline.would_bill_twice(message, requests, visitor):
            raise SamePicture(
                "This would make the same picture again, since its seed is fixed, and it costs money: ask "
                "with ?seed=new for another picture, or with ?seed=same for this one once more."
            )
        await self._making.begin(conversation, message, requests, visitor)

    async def regenerate(
        self,
        conversation: Conversation,
        message: Message,
        *,
        version: int | None = None,
        new_seed: bool | None = None,
        visitor: Visitor = OWNER,
    ) -> None:
        """Starts a version once more, as it was asked; raises as `add_versions` does.

        Without one it is every version of the latest turn if that has no picture, or else of the one that is
        shown. A seed that the person fixed is used again, unless `new_seed` is true.
        """
        chosen = message.version(version)
        if version is not None and (chosen is None or chosen.deleted is not None):
            raise no_version()
        again = map(message.requested, [chosen] if chosen else message.attempt or message.shown)
        await self.add_versions(conversation, message, *again, new_seed=new_seed, visitor=visitor)

    def stop(self, message: Message, version: int | None = None) -> None:
        """Cancels what a message is running, or one version of it; the provider is told."""
        self._making.stop(message_id=message.id, number=version)
        self._replicas.stop(message, version)

    async def delete(self, conversation: Conversation, message: Message, version: int | None = None) -> None:
        """Deletes a version, or a message, and stops what runs of it; it goes for good in a minute.

        With its last version goes the message. Raises Rejected if there is no such version.
        """
        self.stop(message, version)
        await self._deletion.delete(conversation, message, version)

    async def restore(self, conversation: Conversation, message: Message, version: int | None = None) -> None:
        """Takes back that a version, or a message, was deleted; raises Rejected if it is too late."""
        await self._deletion.restore(conversation, message, version)

    async def price(
        self,
        conversation: Conversation,
        *requests: UserRequest,
        images: Sequence[str] = (),
        mask: str | None = None,
        visitor: Visitor = OWNER,
    ) -> str:
        """Returns what `start` will cost; empty if nobody knows, or nothing. Raises Rejected."""
        sent = await pictures_to_send(conversation, self.store, images, mask)
        return self._pipeline.price([one.model_copy(update=sent) for one in requests], visitor)

    def usual_seconds(self, provider: str, model: str) -> float | None:
        """Returns the seconds that a model usually takes; None if it has made no picture here."""
        return self._usual.of(provider, model)

    async def add_picture(
        self, conversation: Conversation, image: bytes | str, filename: str = "", *, visitor: Visitor = OWNER
    ) -> BroughtPicture:
        """Takes a picture into a conversation: the bytes of a file, a ``data:`` URI, or an https link.

        It is kept upright and without metadata. Raises Rejected.
        """
        self._check_open()
        data, info, settings, signed, animated = await self._pipeline.accept(image, visitor)
        filename = safe_filename(filename, info.media_type)
        try:
            kept = await self.store.uploads.add(conversation.id, data, info, filename, conversation.owner)
            return BroughtPicture(**dict(kept), settings=settings, signed=signed, animated=animated)
        except StoreError as error:
            log.exception("A picture that was sent could not be kept")
            raise Unavailable("The picture could not be written to disk: try again in a moment.") from error

    async def import_archive(self, file: IO[bytes], *, visitor: Visitor = OWNER) -> Conversation:
        """Makes a new conversation of an exported one, a zip; raises Rejected, and then nothing is kept."""
        self._check_open()
        conversation = await self.conversation(await self._importer.add(file, visitor), visitor)
        await self._saving.prune()
        return conversation

    def export(self, conversation: Conversation, draw: Draw) -> AsyncGenerator[bytes]:
        """Returns a conversation as the pieces of a zip; `draw` makes the page in it that people read."""
        return export(conversation, self.store, draw)

    def preview(self, name: str) -> Preview | None:
        """Returns a preview that a running message shows; None if there is a newer one, or none."""
        lives = (one for attempt in self._attempts.values() for one in attempt.message.live.values())
        return next((live.preview for live in lives if live.preview and live.preview.name == name), None)

    async def choose(self, conversation: Conversation, message: Message, number: int) -> None:
        """Shows the turn of another version; raises Rejected if that version has no picture."""
        if number not in {version.number for version in message.pictures}:
            raise no_version()
        message.chosen = number
        await self._saving.change(conversation, message)

    async def close(self) -> None:
        """Rejects new requests, lets what runs settle within `shutdown_grace`, and closes all, once."""
        if self.is_closing:
            return
        self.is_closing = True
        self._deletion.close()
        self._replicas.close()
        await self._making.end(self.settings.shutdown_grace)
        await self._saving.close(self.settings.shutdown_grace)
        await self._pipeline.limits.close()
        await close_shared()
        await self.store.close()

    def _check_open(self) -> None:
        if self.is_closing:
            raise Unavailable(CLOSING)
