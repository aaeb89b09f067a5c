"""requirements.txt, requirements.lock and the README tell the same story; nothing but what is locked is installed."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

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


UV = Path(sys.executable).parents[1] / "tools/bin/uv"


def wheel(folder: Path, text: str) -> str:
    """A package of one line, and its hash."""
    path = folder / "thing-1.0-py3-none-any.whl"
    about = "thing-1.0.dist-info"
    with ZipFile(path, "w") as file:
        file.writestr("thing.py", text)
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed(folder: Path, name: str) -> tuple[int, str]:
    """How an install from the folder's lock ends, and what is said of it."""
    words = [
        "--no-index",
        "--no-cache",
        *("--require-hashes", "--only-binary", ":all:"),
        "--find-links",
        folder,
        "--target",
        folder / name,
    ]
    done = subprocess.run(
        [UV, "pip", "install", *words, "--python", sys.executable, "-r", folder / "lock"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_what_is_not_the_file_that_was_locked_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"thing==1.0 --hash=sha256:{wheel(tmp_path, 'x = 1')}\n")
    assert installed(tmp_path, "as-locked")[0] == 0
    wheel(tmp_path, "x = 2")
    code, said = installed(tmp_path, "changed")
    assert (code, "Hash mismatch for `thing==1.0`" in said) == (1, True)
    (tmp_path / "lock").write_text("thing==1.0\n")
    assert installed(tmp_path, "unlocked")[0] != 0
    assert not [*tmp_path.glob("changed/*.py"), *tmp_path.glob("unlocked/*.py")]


def test_what_would_be_built_here_is_not_installed(tmp_path: Path) -> None:
    """Building runs what the package brings, before anybody looked at it."""
    with tarfile.open(tmp_path / "thing-1.0.tar.gz", "w:gz") as file:
        for name, text in (
            ("setup.py", "open('/proc/self/cwd/ran', 'w')"),
            ("PKG-INFO", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"),
        ):
            about = tarfile.TarInfo(f"thing-1.0/{name}")
            about.size = len(text)
            file.addfile(about, io.BytesIO(text.encode()))
    digest = hashlib.sha256((tmp_path / "thing-1.0.tar.gz").read_bytes()).hexdigest()
    (tmp_path / "lock").write_text(f"thing==1.0 --hash=sha256:{digest}\n")
    code, said = installed(tmp_path, "built")
    assert (code, "no usable wheels" in said) == (1, True), said
    assert not [*tmp_path.rglob("ran")]


def commands(verb: str) -> list[str]:
    """What make and Docker run of pip, a line each."""
    lines = [
        line
        for name in ("Makefile", "Dockerfile")
        for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    ]
    return [" ".join(line.split()) for line in lines if re.search(rf"pip ({verb})\b", line)]


def test_every_install_of_ours_asks_for_hashes_and_for_wheels_alone() -> None:
    """One is there as source alone: a counterpart of tests, in an environment of its own."""
    found = commands("sync|install")
    assert len(found) > 5
    assert [
        line for line in found if "--require-hashes" not in line or "--only-binary :all:" not in line
    ] == []
    built = [line for line in found if "--no-binary" in line]
    assert [("--no-binary localstripe" in line, "var/contract/localstripe" in line) for line in built] == [
        (True, True)
    ]


def test_no_release_is_locked_that_came_out_within_a_week() -> None:
    found = commands("compile")
    assert len(found) == 1
    assert '--exclude-newer "7 days"' in found[0]
    resolving = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "requirements" in line and " -o " in line
    ]
    assert resolving
    assert all("$(RESOLVE)" in line for line in resolving)
