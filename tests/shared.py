"""Data that is too large or not ours to keep here: tests that need it skip with a word where it is absent."""

import os
from pathlib import Path

import pytest

from include.local.home import PROJECT

SHARED = Path(os.environ.get("TIEOUT_SHARED") or PROJECT.parent / "shared")


def shared(path: str) -> Path:
    """The shared file or folder, or a skip that says where it was looked for."""
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not on this machine (looked in {SHARED}; TIEOUT_SHARED names another folder)")
    return SHARED / path
