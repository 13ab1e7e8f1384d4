"""One visitor's server of the protocol, over the official package's: it says what there is, and calls it."""

from __future__ import annotations

from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.session import RequestResponder

from core.generation.visitor import Visitor
from core.studio import Studio
from limner import __version__
from ui.mcp.answers import Address
from ui.mcp.calls import Calls
from ui.mcp.messages import Sent
from ui.mcp.progress import Report
from ui.mcp.tools import tools

_INSTRUCTIONS = (
    "Limner makes pictures with several providers. generate_image makes one from a prompt; edit_image "
    "changes pictures, also those made before, which it takes by id; list_providers says what each model "
    "takes. Some providers cost money: make as many pictures as the person asks for, and no more. Show the "
    "person the link or the file that comes with a picture."
)


def mcp_server(studio: Studio, visitor: Visitor, address: Address) -> Server[Any, Sent]:
    """Returns a server whose messages come from `read_message`.

    Its handlers are set by hand: the package's own check of arguments answers in the words of its libraries.
    """
    server: Server[Any, Sent] = _Server("limner", version=__version__, instructions=_INSTRUCTIONS)
    calls = Calls(studio, visitor, address)

    async def list_tools(_: types.ListToolsRequest) -> types.ServerResult:
        return types.ServerResult(types.ListToolsResult(tools=tools(studio, visitor)))

    async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
        sent = server.request_context.request
        assert sent is not None
        return types.ServerResult(await calls.call(request.params.name, sent, _report(server)))

    server.request_handlers[types.ListToolsRequest] = list_tools
    server.request_handlers[types.CallToolRequest] = call_tool
    return server


class _Server(Server[Any, Sent]):
    """The package's server without its recording of warnings.

    That is for the whole process, for as long as a call lasts; where two overlap it never ends.
    """

    async def _handle_message(
        self, message: Any, session: Any, lifespan_context: Any, raise_exceptions: bool = False
    ) -> None:
        if isinstance(message, RequestResponder):
            with message:
                await self._handle_request(
                    message, message.request.root, session, lifespan_context, raise_exceptions
                )


def _report(server: Server[Any, Sent]) -> Report | None:
    """Returns what reports the progress of a call to its client; None if that has not asked for it."""
    context = server.request_context
    token = context.meta.progressToken if context.meta else None
    if token is None:
        return None

    async def report(done: float, total: float, words: str) -> None:
        await context.session.send_progress_notification(token, done, total, words, str(context.request_id))

    return report
