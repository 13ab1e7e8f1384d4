"""What an author writes passes a strict type checker: the examples, a new plugin, and every short form."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from limner import Credential, ImageInputs, ModelInfo, ProviderInfo, SizeRange
from limner.new_plugin import new_plugin
from tests.serving import ROOT
from tests.test_documents import PYTHON

FORMS = """
from pydantic import BaseModel, SecretStr
from typing_extensions import assert_type

from limner import Credential, ImageInputs, ImageRequest, ModelInfo, Options, ProviderInfo, Size, SizeRange


class Own(Options):
    steps: int = 20


class OwnSettings(BaseModel):
    weight: int = 1


listed = ModelInfo(id="a", sizes=["512x512", (256, 256), Size(64, 64)], options=Own)
ranged = ModelInfo(id="b", label="B", sizes=SizeRange(step=8, default="256x256"), seed=True)
edits = ModelInfo(id="c", images=ImageInputs(least=1, media_types=["image/png"], mask=True))
exact = ModelInfo(id="d", sizes=(Size(64, 64),), negative_prompt=True)
info = ProviderInfo(
    label="P",
    models=[listed, ranged, edits, exact],
    other_models=ModelInfo(id="any"),
    credential=Credential(variable="P_KEY", others=["P_SECRET"], optional_others=("P_SESSION",)),
    settings=OwnSettings,
    imports=["p_sdk"],
)
names = ("a", "b")
ProviderInfo(label="P", models=tuple(ModelInfo(id=name) for name in names), imports=names)
SizeRange(default=(512, 512), max_pixels=1_000_000, max_ratio=2)

assert_type(info.models, tuple[ModelInfo, ...])
assert_type(info.imports, tuple[str, ...])
assert_type(listed.sizes, tuple[Size, ...] | SizeRange)
assert_type(SizeRange().default, Size)
assert_type(ImageInputs().media_types, tuple[str, ...])


def reads(request: ImageRequest) -> None:
    assert_type(request.size, Size | None)
    assert_type(request.credential, SecretStr | None)


ModelInfo(id="a", sizes=[512])  # pyright: ignore[reportArgumentType]
ModelInfo(id="a", sises=["512x512"])  # pyright: ignore[reportCallIssue]
ModelInfo()  # pyright: ignore[reportCallIssue]
ProviderInfo(label="P", models=["a"])  # pyright: ignore[reportArgumentType]
SizeRange(default=512)  # pyright: ignore[reportArgumentType]
ImageInputs(media_types=[1])  # pyright: ignore[reportArgumentType]
"""
"""What may be written, what is read from it, and what a type checker must find."""


def test_what_authors_write_passes_pyright_strict(tmp_path: Path) -> None:
    (tmp_path / "forms.py").write_text(FORMS, "utf-8")
    for number, code in enumerate(PYTHON):
        (tmp_path / f"plugins_md_{number}.py").write_text(code, "utf-8")
    assert new_plugin("water-colour", tmp_path) == 0
    config = {
        "include": ["."],
        "strict": ["."],
        "reportUnnecessaryTypeIgnoreComment": "error",
        "pythonVersion": "3.10",
        "extraPaths": [str(ROOT)],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", "."]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    problems = [
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in found["generalDiagnostics"]
    ]
    assert problems == []
    assert found["summary"]["filesAnalyzed"] == len(PYTHON) + 3, "the forms, the new plugin and its test"


@pytest.mark.parametrize("model", [Credential, ImageInputs, ModelInfo, ProviderInfo, SizeRange])
def test_what_a_type_checker_reads_has_every_field_and_its_default(model: type[BaseModel]) -> None:
    (stated,) = (
        node
        for node in ast.walk(ast.parse(inspect.getsource(model)))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    required = [
        arg.arg
        for arg, default in zip(stated.args.kwonlyargs, stated.args.kw_defaults, strict=True)
        if default is None
    ]
    assert [arg.arg for arg in stated.args.kwonlyargs] == [*model.model_fields]
    assert required == [name for name, field in model.model_fields.items() if field.is_required()]
