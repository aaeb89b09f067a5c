"""`tieout promote` as people use it: gates that say what opens them, a record of tests, a promotion, a radius."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from include.cli import gates
from include.cli import main as cli
from include.flows.promote import passed
from include.policy import FOLDER
from include.store.postgres import PostgresStore
from include.version import release
from tests.flows.conftest import Draw
from tests.flows.lives import Days

Ask = Callable[..., tuple[object, str]]


@pytest.fixture
def tieout(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ask:
    """`tieout promote` with these words: exit code and what it said. Git and the doctor have nothing against it."""
    monkeypatch.setenv("TIEOUT_DATABASE_URL", database_url)
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    monkeypatch.setattr(gates, "doctor", lambda *_, **__: passed("doctor", "asked elsewhere"))
    monkeypatch.setattr(gates, "committed", lambda: passed("committed", "played"))

    def ask(*words: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["tieout", "promote", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    return ask


def test_a_release_goes_through_its_gates_or_is_told_what_opens_them(
    tieout: Ask, store: PostgresStore, draw: Draw, tmp_path: Path
) -> None:
    ann = ("--as", "ann@firm.example", "--reason", "release of the week")
    code, said = tieout("--to", "staging", *ann)
    assert code == 3
    assert "SHUT    tests: no result is recorded" in said
    assert "to open it: make test, on exactly these files" in said
    assert tieout("record", "--of", "0" * 64)[0] == 1
    what = tieout("hash")[1].strip()
    assert what == release().sha256
    (tmp_path / "tested" / f"{what}.json").write_text('{"release": ')
    assert "is no result of tests" in tieout("--to", "staging", *ann)[1], "it was cut off on its way here"
    assert tieout("record", "--of", what)[0] == 0
    code, said = tieout("--to", "staging", *ann, "--dry-run")
    assert (code, "may be promoted to staging" in said, "forward only" in said) == (0, True, True)
    assert json.loads(tieout("list", "--json")[1]) == []
    code, said = tieout("--to", "prod", *ann, "--json")
    told = {gate["name"]: gate["passed"] for gate in json.loads(said)["gates"]}
    assert (code, told["staging"], told["approver"], told["radius"]) == (3, False, True, True)
    assert tieout("--to", "staging", *ann)[0] == 0
    assert tieout("--to", "prod", *ann)[0] == 0
    assert [one["environment"] for one in json.loads(tieout("list", "--json")[1])] == ["prod", "staging"]
    assert tieout("--to", "dev", *ann)[1] == "tieout: say where to: --to staging, or --to prod\n"
    assert "it knows dev, staging, prod" in tieout("--to", "production", *ann)[1]

    code, said = tieout("radius")
    assert (code, "no day is published here" in said) == (1, True)
    days = Days(store, store.url, draw)
    days.load(invoices="I1 INV-1 C1 2026-03-01 2026-03-31 SGD 100.00 posted")
    days.publish("2026-03-31")
    page = tmp_path / "radius.html"
    code, said = tieout("radius", "--html", str(page))
    assert (code, "change nothing on 1 published day" in said) == (0, True)
    assert "<h2>Breaks</h2>" in page.read_text()
    rules = tmp_path / "rules"
    shutil.copytree(FOLDER, rules, ignore=shutil.ignore_patterns("*.py*", "arr.yaml"))
    assert f"{rules} is no whole policy: it has no arr.yaml" in tieout("radius", "--policy", str(rules))[1]
    (rules / "arr.yaml").write_text("x: [")
    assert f"{rules}: arr.yaml: while parsing" in tieout("radius", "--policy", str(rules))[1]
    assert json.loads(tieout("radius", "--against", release().rules[:9], "--json")[1])["matches"] == []


def test_whoever_wrote_a_commit_with_somebody_or_under_another_address_is_its_author(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "PROJECT", tmp_path)
    for name, value in (("NAME", "Ann"), ("EMAIL", "ann@home.example")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    (tmp_path / ".mailmap").write_text("Ann <ann@firm.example> <ann@home.example>\n")
    gates.git("init", "-q")
    gates.git("add", ".")
    gates.git("commit", "-q", "-m", "Begin\n\nCo-authored-by: Ben <ben@firm.example>")
    assert gates.authors("HEAD") == gates.authors("HEAD^!") == ["ann@firm.example", "ben@firm.example"]
    assert gates.committed().passed
    (tmp_path / "sql").mkdir()
    for number in range(6):
        (tmp_path / "sql" / f"{number}.sql").touch()
    gates.git("add", ".")
    said = "not as committed: sql/0.sql, sql/1.sql, sql/2.sql, sql/3.sql, sql/4.sql and 1 more"
    assert gates.committed().said == said
