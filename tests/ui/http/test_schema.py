"""What the OpenAPI document says is true: schemathesis sends what it allows, and what it does not."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.plugins.installing import install
from tests.warm_serving import WarmServing

JSON = {"Content-Type": "application/json"}
EXCLUDED = "positive_data_acceptance"
"""The document allows names of providers and sizes that there are not, and a key that was used before."""
KNOWN_THREAD = """
[[operations]]
include-path = "/api/threads/{{thread}}"
parameters = {{ thread = "{thread}" }}
"""


@pytest.mark.skipif(not importlib.util.find_spec("schemathesis"), reason="schemathesis needs Python 3.11")
def test_every_answer_is_one_that_the_document_describes(tmp_path: Path) -> None:
    """Its status, headers, type and form; nothing that is wrong passes, and no answer is a 500."""
    (site := tmp_path / "site").mkdir()
    install(site, "limner-async-echo")
    own = {"LIMNER_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(site)}
    serving = WarmServing(tmp_path, {**own, "LIMNER_PROVIDER": "async-echo", "LIMNER_MAX_RETRIES": "0"})
    try:
        asked = urllib.request.Request(f"{serving.url}/api/image", b'{"prompt": "a fox"}', JSON)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            thread = json.load(reply)["thread"]
        (tmp_path / "schemathesis.toml").write_text(KNOWN_THREAD.format(thread=thread))
        how = ["--phases=coverage,fuzzing", "--max-examples=10", "--seed=1", f"--exclude-checks={EXCLUDED}"]
        ran = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{serving.url}/openapi.json", *how],
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        serving.stop()
    assert ran.returncode == 0, ran.stdout
    assert "Tested: 10" in ran.stdout
