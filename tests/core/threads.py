"""What a program reads of one message."""

from __future__ import annotations

import json
from typing import Any

from core.chat.conversation import Conversation
from core.chat.message import Message
from core.settings.schema import Settings
from core.storage.store import Store
from core.thread_json import kept_messages, stream_thread


async def thread_messages(message: Message, store: Store, settings: Settings) -> list[dict[str, Any]]:
    """Returns it as `ThreadMessageLike`: the prompt, then each version that is not deleted."""
    messages = kept_messages(Conversation("0" * 32, [message]))
    pieces = [piece async for piece in stream_thread(messages, store, settings, "http://localhost")]
    return json.loads(b"".join(pieces))
