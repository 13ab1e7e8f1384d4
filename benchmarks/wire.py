"""Bytes on the wire for one turn, at the beginning of a conversation and far into it.

`python -m benchmarks.wire [MESSAGE …]` holds one conversation with `sketch`, as the page does: a prompt is
posted, and the stream of events tells what becomes of it. The picture itself is not counted.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import print_table
from benchmarks.start import free_port, started
from benchmarks.stores import example
from core.storage.store import Store

TURNS = (1, 10, 100, 1000)
HEADERS = (
    "Host: 127.0.0.1\r\nCookie: limner_visitor=00000000000000000000000000000000\r\n"
    "Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n"
)
THREAD = "0123456789abcdef0123456789abcdef"
ROUTE = f"/limner/threads/{THREAD}"
EVENT = b'"older":false}\n\n\r\n'
WHOLE = b'"older":true}\n\n\r\n'


def main(turns: list[int]) -> None:
    """Serves a conversation that is one message short of each number, and prints what its next turn takes."""
    rows: list[list[str]] = []
    first = 0
    for turn in turns:
        with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
            asyncio.run(_fill(Path(folder), turn - 1))
            with started(["app.py"], {"LIMNER_DATA_DIR": folder}, port := free_port()):
                stream, _ = _open(port)
                sent, answered, told = _turn(port, stream)
                _, opened = _open(port)
        total = sent + answered + told
        first = first or total
        row = [turn, sent, answered, told, total, f"{total / first:.3f}", opened]
        rows.append([str(cell) for cell in row])
    heads = ("message", "prompt sent", "answer", "events", "together", "of the first", "opened anew")
    print_table(heads, rows)
    print("Opened anew: the bytes in which a page that is loaded gets its conversation.")


async def _fill(folder: Path, messages: int) -> None:
    store = Store(folder)
    if messages:
        await store.add(THREAD, [example(number) for number in range(messages)], None)
    await store.close()


def _open(port: int) -> tuple[socket.socket, int]:
    """Returns a stream of events, and the bytes in which it told what there is already."""
    stream = socket.create_connection(("127.0.0.1", port))
    stream.sendall(f"GET {ROUTE}/events?since=0 HTTP/1.1\r\n{HEADERS}\r\n".encode())
    heard = b""
    while not heard.endswith((EVENT, WHOLE)) or b'"more":true' in heard[-70:]:
        heard += _more(stream)
    return stream, len(heard)


def _more(connection: socket.socket) -> bytes:
    read = connection.recv(1_000_000)
    if not read:
        raise RuntimeError("The server closed the connection")
    return read


def _turn(port: int, stream: socket.socket) -> tuple[int, int, int]:
    """Sends a prompt; returns the bytes that were sent, answered, and told by the events."""
    asked = {"prompt": "A fox in the snow", "provider": "sketch", "size": "256x256", "seed": "7"}
    body = json.dumps(asked).encode()
    head = (
        f"POST {ROUTE}/messages HTTP/1.1\r\n{HEADERS}Content-Type: application/json\r\n"
        f"Idempotency-Key: {1:032}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as posting:
        posting.sendall(head.encode() + body)
        answer = b""
        while not answer.endswith(b"}"):
            answer += _more(posting)
    if b" 201 " not in answer:
        raise RuntimeError(answer.decode())
    heard = b""
    while b'"state":"complete"' not in heard or not heard.endswith(EVENT):
        heard += _more(stream)
    return len(head) + len(body), len(answer), len(heard)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or list(TURNS))
