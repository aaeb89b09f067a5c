"""What we depend on: its licences, a bill of materials, and whether any of it is known to be vulnerable.

python -m tests.supply           write docs/licences.md and docs/sbom.cdx.json, then ask about advisories
python -m tests.supply --check   only ask: 1 when one of requirements.lock is known to be vulnerable

Where no source of advisories answers, that is said, and is no failure: nothing was found out.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "var/supply/bin"
LICENCES, MATERIALS = ROOT / "docs/licences.md", ROOT / "docs/sbom.cdx.json"
SOURCES = ("osv", "pypi")
"""Of advisories, by the name pip-audit gives them."""

HEAD = """# Licences of what we depend on

Written by `make supply` from what requirements.lock installs; its bill of materials: `docs/sbom.cdx.json` (CycloneDX).
None of it is changed or shipped with the project: each is fetched from its registry.

"""


def main(words: list[str]) -> int:
    if words not in ([], ["--check"]):
        print(__doc__)
        return 2
    if not words:
        write_licences()
        write_materials()
    return ask()


def write_licences() -> None:
    table = _run("pip-licenses", "--python", _python(), "--format=markdown", "--with-urls", "--from=mixed")
    LICENCES.write_text(HEAD + "\n".join(line.rstrip() for line in table.splitlines()) + "\n")
    print(f"supply: {LICENCES.relative_to(ROOT)}")


def write_materials() -> None:
    _run("cyclonedx-py", "environment", "--output-reproducible", "-o", str(MATERIALS), _python())
    print(f"supply: {MATERIALS.relative_to(ROOT)}")


def ask() -> int:
    """Ask the first source that answers for each package; 1 when one has something against any of them."""
    for source in SOURCES:
        answer = _advisories(source)
        asked = [one for one in answer if "skip_reason" not in one]
        if not asked:
            continue
        known = list(_known(asked))
        unasked = len(answer) - len(asked)
        print("\n".join(known) or f"supply: nothing is known against {len(asked)} packages ({source})")
        if unasked:
            print(f"supply: {unasked} packages could not be asked about")
        return 1 if known else 0
    print(f"supply: NOT CHECKED: no source of advisories can be reached from here ({', '.join(SOURCES)})")
    return 0


def _advisories(source: str) -> list[dict[str, Any]]:
    words = ["--no-deps", "--disable-pip", "--progress-spinner=off", "-r", "requirements.lock", "-f", "json"]
    done = subprocess.run(
        [TOOLS / "pip-audit", "-s", source, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"supply: {source} does not answer: {last[:200]}", file=sys.stderr)
        return []
    return found


def _known(packages: list[dict[str, Any]]) -> Iterator[str]:
    for one in packages:
        for advisory in one["vulns"]:
            mended = ", ".join(advisory["fix_versions"]) or "no version yet"
            yield f"supply: {one['name']} {one['version']}: {advisory['id']}; mended in {mended}"


def _run(tool: str, *words: str) -> str:
    return subprocess.run([TOOLS / tool, *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _python() -> str:
    return str(ROOT / ".venv/bin/python")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
