"""requirements.txt, requirements.lock and the README tell the same story."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+?)(?: \\)?$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return {package.lower(): version for package, version in PIN.findall((ROOT / name).read_text())}


def test_every_direct_dependency_is_pinned_and_locked_at_that_version() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    stated = [line for line in lines if line and not line.startswith("#")]
    direct, locked = pins("requirements.txt"), pins("requirements.lock")
    assert len(direct) == len(stated)
    assert {package: locked.get(package) for package in direct} == direct


def test_every_locked_package_carries_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[a-z0-9])", text.partition("\n")[2])
    assert len(blocks) > 100
    assert [
        block.splitlines()[0] for block in blocks if PIN.search(block) and "--hash=sha256:" not in block
    ] == []


def test_the_readme_says_what_each_direct_dependency_is_for() -> None:
    table = (ROOT / "README.md").read_text().partition("## Dependencies")[2].lower()
    for package in pins("requirements.txt"):
        assert re.search(rf"^\|[^|]*\b{re.escape(package)}\b[^|]*\|", table, re.MULTILINE), package
