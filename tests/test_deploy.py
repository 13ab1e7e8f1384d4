"""The files for more than one machine name what exists; `test_cluster` runs nginx with its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings.schema import Settings
from tests.serving import ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(DEPLOY.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    named = set(re.findall(r"LIMNER_([A-Z_]+)", file.read_text("utf-8")))
    assert named
    assert named <= {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_replica_shares_all_three(file: Path) -> None:
    text = file.read_text("utf-8")
    assert [name for name in ("DATABASE", "PICTURES", "LIMITS") if f"LIMNER_{name}" not in text] == []
    assert all(isinstance(part, dict) for part in yaml.safe_load_all(text))


def test_what_is_probed_is_served_and_the_platform_waits_longer_than_limner() -> None:
    parts: list[Any] = [*yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))]
    pod = parts[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert probes == {"/healthz", "/readyz"}
    assert pod["terminationGracePeriodSeconds"] > Settings.model_fields["shutdown_grace"].default + 10


def test_the_compose_file_installs_what_the_extras_name() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    installed = compose["services"]["limner-1"]["build"]["args"]["EXTRAS"].split()
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for extra in ("postgresql", "redis", "object-store"):
        (wanted,) = re.findall(rf'^{extra} = \["(.+)"\]$', project, re.MULTILINE)
        assert wanted in installed
