"""Two replicas of the app with PostgreSQL, Redis, an S3 server and nginx, all on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.object_store import run_object_store
from tests.postgres import run_postgres
from tests.redis_server import run_redis
from tests.serving import ROOT, Serving, free_port, wait_for_answer
from tests.warm_serving import WarmServing

SETTINGS = {
    "LIMNER_PROVIDER": "fal",
    "FAL_KEY": "test-key-0123456789",
    "LIMNER_BEHIND_PROXY": "true",
    "LIMNER_RATE_LIMIT": "60/hour",
    "LIMNER_BUDGET": "10000/day",
    "LIMNER_MAX_IN_FLIGHT": "100",
    "LIMNER_SHUTDOWN_GRACE": "0",
}


class Cluster:
    """What runs: `url` is the proxy's address, `replicas` are behind it."""

    def __init__(self, url: str, replicas: list[Serving], database: str) -> None:
        self.url = url
        self.replicas = replicas
        self.database = database

    def kill(self, number: int) -> None:
        """Ends a replica with -9."""
        self.replicas[number].stop(signal.SIGKILL)

    def revive(self, number: int) -> None:
        """Starts a replica again that was killed."""
        self.replicas[number].restart(signal.SIGKILL)


@contextmanager
def run_cluster(folder: Path, service: str, **more: str) -> Iterator[Cluster]:
    """Starts everything, with fal's queue at an address, and stops it at the end."""
    with ExitStack() as stack:
        database = stack.enter_context(run_postgres()).new_database()
        redis = stack.enter_context(run_redis(folder))
        objects = stack.enter_context(run_object_store())
        shared = {
            **SETTINGS,
            **objects.environment,
            "LIMNER_DATABASE": database,
            "LIMNER_LIMITS": redis.url,
            "LIMNER_PICTURES": objects.new_bucket(),
            "LIMNER_PROVIDERS": json.dumps({"fal": {"base_url": service}}),
            **more,
        }
        replicas: list[Serving] = []
        for number in (1, 2):
            own = folder / f"replica-{number}"
            own.mkdir()
            replica = WarmServing(own, {**shared, "LIMNER_DATA_DIR": str(own / "data")})
            stack.callback(replica.stop)
            replicas.append(replica)
        url = stack.enter_context(_run_nginx(folder, [replica.port for replica in replicas]))
        yield Cluster(url, replicas, database)


@contextmanager
def _run_nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """Starts nginx with the configuration that is published, and these servers behind it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        problem = "There is no nginx: install nginx-light."
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    port, config = free_port(), (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    config = config.replace("listen 80;", f"listen 127.0.0.1:{port};")
    for number, behind in enumerate(ports, 1):
        config = config.replace(f"limner-{number}:7860", f"127.0.0.1:{behind}")
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {folder}/nginx-{place};\n" for place in places)
    config = config.replace("http {\n", f"http {{\naccess_log off;\n{temporary}", 1)
    (folder / "nginx.conf").write_text(f"pid {folder}/nginx.pid;\n{config}")
    command = [program, "-c", folder / "nginx.conf", "-e", folder / "nginx.log", "-g", "daemon off;"]
    process = subprocess.Popen([*map(str, command)])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(process, url, folder / "nginx.log")
        yield url
    finally:
        process.terminate()
        process.wait(20)
