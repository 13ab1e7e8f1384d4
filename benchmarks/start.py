"""How long Limner takes to start, and what it uses while nobody does anything: beside an empty Gradio app.

`python -m benchmarks.start [SECONDS]` also says what the commands and the import cost; the seconds are those
in which both apps are left alone.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from subprocess import DEVNULL

from benchmarks.measuring import cpu_seconds, print_table, resident_bytes

EMPTY = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    pass
demo.launch(ssr_mode=False, enable_monitoring=False, run_history=False)
"""
"""The least that Gradio can serve, started as Limner starts it."""
APPS = {"an empty Gradio app": ["-c", EMPTY], "Limner": ["app.py"]}
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import limner": ["-c", "import limner"],
    "a provider's imports": [
        "-c",
        "from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl",
    ],
    "limner --help": ["-m", "limner", "--help"],
    "limner providers": ["-m", "limner", "providers"],
}
TIMES = 5


def main(seconds: float) -> None:
    """Measures the starts in turn, then both apps left alone, then the commands in turn."""
    starts: dict[str, list[tuple[float, float]]] = {name: [] for name in APPS}
    for _ in range(TIMES):
        for name, command in APPS.items():
            begun = time.perf_counter()
            with started(command) as process:
                starts[name].append((cpu_seconds(process.pid), time.perf_counter() - begun))
    _print("start, until / answers", starts)

    with started(APPS["an empty Gradio app"]) as empty, started(APPS["Limner"]) as limner:
        time.sleep(5)  # what is begun after the start is done by then
        before = [cpu_seconds(one.pid) for one in (empty, limner)]
        time.sleep(seconds)
        used = [cpu_seconds(one.pid) - was for one, was in zip((empty, limner), before, strict=True)]
        held = [resident_bytes(one.pid) for one in (empty, limner)]
    rows = [
        [name, f"{cpu / seconds * 100:.1f} %", f"{memory / 1e6:.0f} MB", f"{memory / held[0]:.2f}"]
        for name, cpu, memory in zip(APPS, used, held, strict=True)
    ]
    print_table((f"left alone for {seconds:.0f} s", "of a core", "memory", "of the first"), rows)

    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(TIMES):
        for name, command in COMMANDS.items():
            begun, cpu = time.perf_counter(), _cpu_of_children()
            subprocess.run([sys.executable, *command], check=True, stdout=DEVNULL)
            runs[name].append((_cpu_of_children() - cpu, time.perf_counter() - begun))
    _print("command", runs)


@contextmanager
def started(
    command: Sequence[str], variables: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts an app with a data folder of its own, and yields its process once `/` answers."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
        environment = {
            **os.environ,
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "LIMNER_DATA_DIR": folder,
            **(variables or {}),
        }
        with subprocess.Popen([sys.executable, *command], env=environment, stdout=DEVNULL) as process:
            try:
                while not _answers(port):
                    if process.poll() is not None:
                        raise RuntimeError(f"{' '.join(command)} failed")
                    time.sleep(0.01)
                yield process
            finally:
                process.terminate()


def free_port() -> int:
    """Returns a port of the loopback that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(head: str, measured: dict[str, list[tuple[float, float]]]) -> None:
    """Prints the medians of seconds of CPU and of the clock, beside those of the first."""
    medians = {
        name: [median(column) for column in zip(*runs, strict=True)] for name, runs in measured.items()
    }
    first_cpu, first_wall = next(iter(medians.values()))
    rows = [
        [name, f"{cpu:.3f} s", f"{cpu / first_cpu:.2f}", f"{wall:.3f} s", f"{wall / first_wall:.2f}"]
        for name, (cpu, wall) in medians.items()
    ]
    print_table((head, "CPU", "of the first", "wall", "of the first"), rows)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
