"""docs/threats.md: every threat has what closes it and tests that are there; and what no module of ours may do."""

import ast
import re
from importlib.metadata import version
from pathlib import Path
from site import getsitepackages

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (T\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
THREATS = ROW.findall((ROOT / "docs/threats.md").read_text(encoding="utf-8"))
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PLACE = re.compile(
    r"`((?:include|sql|dags|plugins)/[\w./*-]+|docker-compose\.yaml|Dockerfile|requirements\.lock)`"
)
OURS = [path for folder in ("include", "dags", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_the_threats_are_numbered_without_a_gap() -> None:
    assert [number for number, *_ in THREATS] == [f"T{n}" for n in range(1, 27)]


@pytest.mark.parametrize(("number", "_what", "closes", "tests"), THREATS, ids=[row[0] for row in THREATS])
def test_a_threat_names_what_closes_it_and_tests_that_are_there(
    number: str, _what: str, closes: str, tests: str
) -> None:
    places = PLACE.findall(closes)
    assert places, number
    assert [place for place in places if not list(ROOT.glob(place))] == []
    named = TEST.findall(tests)
    assert named, number
    assert [f"{path}::{name}" for path, name in named if name not in defined(ROOT / path)] == []


def defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


BANNED = {
    "pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "jsonpickle",
    "xml.etree",
    "xml.sax",
    "xml.dom",
    "tarfile",
}
ALLOWED = {"xml.sax.saxutils"}
"""Writes XML, and reads none."""
BANNED_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "system",
    "popen",
    "extractall",
    "unsafe_load",
    "full_load",
}


def test_nothing_that_was_received_is_unpickled_run_unpacked_or_read_as_loose_xml() -> None:
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not {name for name in names if name in BANNED or name.startswith("xml.")} - ALLOWED, (
                    path
                )
            if isinstance(node, ast.Call):
                assert not_dangerous(node), f"{path}:{node.lineno}"


def not_dangerous(call: ast.Call) -> bool:
    """Whether it neither runs a text, nor reads YAML that makes objects, nor asks a shell."""
    func = call.func
    called = func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")
    of = func.value.id if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) else ""
    if called in BANNED_CALLS:
        return (of, called) == ("re", "compile")
    if (of, called) == ("yaml", "load"):
        return "CSafeLoader" in ast.dump(call)
    return not any(one.arg == "shell" and getattr(one.value, "value", True) for one in call.keywords)


def test_no_template_and_no_certificate_check_is_switched_off() -> None:
    for path in OURS:
        text = path.read_text(encoding="utf-8")
        assert "verify=False" not in text, path
        assert "autoescape=False" not in text, path
    pages = [*ROOT.glob("include/**/*.html")]
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        literal = re.findall(r"""('[^']*'|"[^"]*")\s*\|\s*safe\b""", text)
        assert len(re.findall(r"\|\s*safe\b", text)) == len(literal), (
            f"{page}: only texts of its own are safe"
        )


def test_airflow_is_newer_than_what_is_known_against_it() -> None:
    """Older ones keep sessions for all paths, show tokens on command lines, and run what a trigger was given."""
    major, minor, *_ = (int(part) for part in re.findall(r"\d+", version("apache-airflow-core")))
    assert (major, minor) >= (3, 3)


def test_nothing_runs_when_python_starts() -> None:
    """A line of a .pth file that begins with import is run at every start, by whoever put it there."""
    found = [path for folder in getsitepackages() for path in Path(folder).glob("*.pth")]
    running = [
        (path.name, line)
        for path in found
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "import\t"))
    ]
    assert running == []
