"""PostgreSQL from Debian's packages, on the loopback, for as long as a test needs it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests.serving import free_port

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
"""Nobody needs what is in it after the tests."""


def find_programs() -> Path:
    """Returns the folder of PostgreSQL's programs; skips the test if there is none, which fails in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).parent
    problem = "There is no PostgreSQL: install postgresql."
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)


class Postgres:
    """A server that runs, in which each test makes databases of its own."""

    def __init__(self, port: int) -> None:
        self._address = f"limner@127.0.0.1:{port}"

    def new_database(self) -> str:
        """Makes an empty database and returns its URL."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(f"postgresql://{self._address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())
        return f"postgresql://{self._address}/{name}"

    @contextmanager
    def out_of_reach(self, url: str) -> Generator[None]:
        """Lets nobody into one of the databases, and throws out who is in it."""
        name = url.rpartition("/")[2]
        with psycopg.connect(f"postgresql://{self._address}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            try:
                yield
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """Starts a server, and stops it at the end.

    Its data is in no folder of pytest's: each pytest that starts takes those from all other users.
    """
    with TemporaryDirectory(prefix="limner-postgres-") as folder, _run(Path(folder)) as server:
        yield server


@contextmanager
def _run(folder: Path) -> Iterator[Postgres]:
    programs, data, log, port = find_programs(), folder / "data", folder / "log", free_port()
    user: dict[str, Any] = {}
    if os.getuid() == 0:  # it does not run as root
        user = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, **user)
    make = [programs / "initdb", "-D", data, "-A", "trust", "-U", "limner", "-N", "--no-locale", "-E", "UTF8"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
    options = [part for option in FAST for part in ("-c", option)]
    command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, *options]
    with log.open("wb") as written:
        server = subprocess.Popen(command, stdout=written, stderr=written, cwd=folder, **user)
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode:
            if server.poll() is not None:
                raise RuntimeError(log.read_text())
        yield Postgres(port)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
