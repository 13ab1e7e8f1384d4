"""Redis from Debian's package, on the loopback, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis, RedisError

from tests.serving import free_port


class RedisServer:
    """A server that runs."""

    def __init__(self, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client: Redis = Redis.from_url(self.url, decode_responses=True)


@contextmanager
def run_redis(folder: Path) -> Iterator[RedisServer]:
    """Starts a server that writes nothing, and stops it at the end; skips without one, and fails in CI."""
    program = shutil.which("redis-server")
    if program is None:
        problem = "There is no Redis: install redis-server."
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = RedisServer(port)
    try:
        while True:
            try:
                server.client.ping()
                break
            except RedisError:
                assert process.poll() is None, (folder / "redis.log").read_text()
        yield server
    finally:
        server.client.close()
        process.terminate()
        process.wait(20)
