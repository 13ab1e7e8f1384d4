"""How many pictures a second one replica and two of them keep, alone on SQLite and with PostgreSQL and Redis.

    python -m benchmarks.replicas

The service answers at once, so that what is counted is Limner's own work: a job is submitted and looked
at, its picture proven and stored, its rows written, its limits counted. Load, replicas, database and service
share the processors of this machine. Pictures are files: otherwise the S3 server of the tests would be
measured.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx2

from limner.testing.loopback import Loopback
from tests.cluster import SETTINGS
from tests.postgres import run_postgres
from tests.redis_server import run_redis
from tests.test_cluster import Queue
from tests.warm_serving import WarmServing

SECONDS = 20.0
CLIENTS = 16


def measure(folder: Path, replicas: int, *, shared: bool) -> tuple[float, float]:
    """Returns the pictures a second, and the processor seconds of the replicas for each."""
    queue = Queue()
    with ExitStack() as stack:
        queue.address = stack.enter_context(Loopback(queue)).url
        settings = {
            **SETTINGS,
            "LIMNER_RATE_LIMIT": "none",
            "LIMNER_BUDGET": "10000000/day",
            "LIMNER_PROVIDERS": json.dumps({"fal": {"base_url": queue.address}}),
        }
        if shared:
            pictures = folder / "shared"
            pictures.mkdir()
            settings |= {
                "LIMNER_DATABASE": stack.enter_context(run_postgres()).new_database(),
                "LIMNER_LIMITS": stack.enter_context(run_redis(folder)).url,
                "LIMNER_PICTURES": pictures.as_uri(),
            }
        servers: list[WarmServing] = []
        for number in range(replicas):
            own = folder / f"replica-{number}"
            own.mkdir()
            servers.append(WarmServing(own, {**settings, "LIMNER_DATA_DIR": str(own / "data")}))
            stack.callback(servers[-1].stop)
        before, made = sum(map(_processor_seconds, servers)), _load([server.url for server in servers])
        spent = sum(map(_processor_seconds, servers)) - before
        return made / SECONDS, spent / made


def _load(urls: list[str]) -> int:
    """Asks for pictures from all clients at once, and returns how many came."""
    made, end = [0] * CLIENTS, time.monotonic() + SECONDS

    def ask(number: int) -> None:
        url, who = f"{urls[number % len(urls)]}/api/image", {"X-Forwarded-For": f"203.0.113.{number}"}
        with httpx2.Client(timeout=60) as client:
            while time.monotonic() < end:
                made[number] += client.post(url, json={"prompt": "a fox"}, headers=who).status_code == 200

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(made)


def _processor_seconds(server: WarmServing) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Prints a line for each arrangement."""
    for replicas, shared in ((1, False), (1, True), (2, True)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            rate, spent = measure(Path(folder), replicas, shared=shared)
        kind = "PostgreSQL and Redis" if shared else "SQLite"
        print(f"{replicas} on {kind}: {rate:.1f} pictures/s, {1000 * spent:.0f} ms of a processor for each")


if __name__ == "__main__":
    main()
