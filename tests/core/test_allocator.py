"""The memory of one picture is used again for the next."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from tests.serving import ROOT

FAULTS = """
import resource
from core.allocator import reuse_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [bytearray(6_000_000) for _ in range(8)]
        for block in blocks:
            block[::4096] = bytes(len(block[::4096])).replace(b"\\0", b"x")
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
reuse_memory()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(
    not (sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")), reason="only glibc can be told"
)
def test_freed_memory_is_not_given_back_to_the_system_at_once() -> None:
    """Each fault is a page of 4 KB that the system gives."""
    ran = subprocess.run([sys.executable, "-c", FAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    usual, after = map(int, ran.stdout.split())
    assert after < usual / 4
