"""OpenAI's SDK for Node against the running app."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

from tests.doors import GOOD
from tests.node import commands, environment, install
from tests.warm_serving import WarmServing


def test_pictures_edits_events_models_and_errors(tmp_path: Path) -> None:
    """With the SDK's own retries: each failed picture was begun once."""
    (tmp_path / "node_modules").symlink_to(install({"openai": "^7"}))
    shutil.copy(Path(__file__).with_name("sdk.mjs"), tmp_path)
    app = WarmServing(tmp_path, {"LIMNER_DATA_DIR": str(tmp_path / "data"), "LIMNER_MAX_RETRIES": "0"})
    try:
        ran = subprocess.run(
            [*commands().node, "sdk.mjs", f"{app.url}/v1"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr
        said = json.loads(ran.stdout)
        body = json.dumps(GOOD).encode()
        asked = urllib.request.Request(f"{app.url}/api/image", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as answer:
            there = json.load(answer)
        with urllib.request.urlopen(said["edited"]) as answer:
            assert answer.read().startswith(b"\x89PNG")
    finally:
        app.stop()
    assert base64.b64decode(said["picture"]) == base64.b64decode(there["image"].partition(",")[2])
    assert (said["size"], said["metadata"]["seed"]) == (GOOD["size"], GOOD["seed"])
    assert said["events"] == ["image_generation.completed"]
    assert said["models"] == ["sketch/sketch-1", "sketch-1"]
    assert said["model"] == "sketch"
    assert said["errors"] == {
        "content-filter": ["BadRequestError", 400, "moderation_blocked"],
        "auth": ["AuthenticationError", 401, "invalid_api_key"],
        "quota": ["RateLimitError", 429, "insufficient_quota"],
        "timeout": ["InternalServerError", 504, "timeout"],
        "provider": ["InternalServerError", 502, "server_error"],
        "bad-response": ["InternalServerError", 502, "server_error"],
    }
    log = app.log.read_text()
    assert log.count('outcome="error"') + log.count('outcome="content-filter"') == len(said["errors"])
