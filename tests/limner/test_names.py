"""The contract's names are imported as they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import limner


def test_every_name_is_there_and_no_other() -> None:
    assert sorted(name for names in limner._HOMES.values() for name in names) == sorted(limner.__all__)
    for name in limner.__all__:
        assert getattr(limner, name) is not None
    with pytest.raises(ImportError, match="nothing_of_the_sort"):
        exec("from limner import nothing_of_the_sort")


def test_the_contract_alone_imports_nothing_heavy() -> None:
    code = "import limner, sys; print({'asyncio', 'pydantic', 'pluggy'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
