"""What drives a browser is set up as soon as there is one, also where there was none at first."""

import shutil
import subprocess
from pathlib import Path

import pytest

from include.local.home import PROJECT

TOOLS = ("make", "sh", "mkdir", "rm", "touch")
SPEAKS = '#!/bin/sh\necho "$@" >> said\nmkdir -p var/browser\n'


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A project whose installers only say what they were asked for, on a machine without a browser."""
    for name in (
        ".venv/ready",
        "tests/console/browser/requirements.txt",
        ".venv/bin/python",
        ".venv/tools/bin/uv",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SPEAKS)
        path.chmod(0o755)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or pytest.skip(f"no {tool} here"))
    return tmp_path


def make_browser(house: Path) -> list[str]:
    """What was asked of the installers."""
    (house / "said").unlink(missing_ok=True)
    command = ["make", "-o", ".venv/ready", "-f", PROJECT / "Makefile", "browser"]
    subprocess.run(command, cwd=house, env={"PATH": f"{house / 'bin'}"}, check=True, capture_output=True)
    return (house / "said").read_text().splitlines() if (house / "said").exists() else []


def test_a_browser_that_comes_later_is_set_up_then_and_once(house: Path) -> None:
    assert make_browser(house) == []
    (house / "bin" / "chromium").symlink_to(house / "bin" / "sh")
    assert [said.split()[0] for said in make_browser(house)] == ["venv", "-S"]
    assert make_browser(house) == []
