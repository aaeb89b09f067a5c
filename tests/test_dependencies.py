"""requirements.txt, requirements.lock and the README tell the same story."""

import json
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


def test_the_bill_of_materials_and_the_licences_are_of_what_is_locked() -> None:
    """`make supply` writes both."""
    locked = {
        re.sub(r"[-_.]+", "-", package): version for package, version in pins("requirements.lock").items()
    }
    materials = json.loads((ROOT / "docs/sbom.cdx.json").read_text())["components"]
    assert {re.sub(r"[-_.]+", "-", one["name"].lower()): one["version"] for one in materials} == locked
    rows = [line.split("|")[1:4] for line in (ROOT / "docs/licences.md").read_text().splitlines()]
    listed = {row[0].strip().lower(): row[2].strip() for row in rows if len(row) == 3}
    assert {re.sub(r"[-_.]+", "-", name) for name in listed} >= locked.keys()
    assert [name for name, licence in listed.items() if licence in {"", "UNKNOWN"}] == []
