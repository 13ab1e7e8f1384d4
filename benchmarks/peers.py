"""What Limner is compared with, installed for the benchmarks alone, beside them in `.peers`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
PYTHON = ("litellm==1.110.2",)
NODE = ("ai@7.0.173", "@ai-sdk/openai@4.0.118")


def python_of_peers() -> str:
    """Returns a Python that has the peers, in an environment of their own."""
    python = PEERS / "python" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS / "python"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PYTHON], check=True)
    return str(python)


def node_command(script: str) -> list[str]:
    """Returns the command that runs a script of this folder with the peers."""
    installed = PEERS / "node"
    if not (installed / "node_modules").is_dir():
        installed.mkdir(parents=True, exist_ok=True)
        (installed / "package.json").write_text('{"type": "module"}')
        subprocess.run(["npm", "install", "--silent", *NODE], cwd=installed, check=True)
    copy = installed / script
    copy.write_bytes((HERE / script).read_bytes())  # node looks for packages beside the script
    return ["node", str(copy)]
