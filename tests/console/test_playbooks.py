"""Playbooks: one for each alert and each severe code; what they tell people to ask and to run can be asked and run.

So can what docs/training tells them.
"""

import importlib.util
import re
import shlex
import subprocess
import sys
from typing import Any

import psycopg
import pytest
import typer.main
from airflow.cli.cli_parser import get_parser

from include.cli import main as cli
from include.console.playbooks import PLAYBOOKS, html_of
from include.domain.alert_words import SENTENCES
from include.local.home import PROJECT
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles

POLICY = load_policy()
OTHERS = {"watch_silent", "working_a_break", "parity_differs"}
"""Of nothing that is told: of nobody telling, what the others have in common, and what a page shows."""

SEVERE = {code for code, one in POLICY.breaks.codes.items() if one.severity in {"S1", "S2", "by_value"}}
SECTIONS = ["What you see", "First five minutes", "Which cause", "Mend", "Take it back", "Over when"]
LEAST = {"Which cause": 120, "First five minutes": 60, "Mend": 60, "Over when": 30}
"""Characters a section has at least: a heading alone tells nobody anything."""

TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
COUNTS = re.compile(r"GROUP BY|FROM (ops\.|recon\.proofs|canonical\.quarantine)")
"""How many there are of each, or what reading, proving and landing left behind."""
OF_KIND = re.compile(r"side_[ab]_type = '|recon = '")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> list[tuple[str, str]]:
    """(page, text) of every block of a kind in the playbooks and the training."""
    pages = {name: PLAYBOOKS.text(name) for name in PLAYBOOKS.names()}
    pages |= {
        path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "docs/training").glob("*.md")
    }
    return [
        (name, text) for name, page in pages.items() for found, text in _BLOCK.findall(page) if found == kind
    ]


def commands() -> list[tuple[str, str]]:
    return [(name, line) for name, text in blocks("sh") for line in text.strip().splitlines()]


def test_every_alert_and_every_severe_code_has_a_playbook_and_every_playbook_is_of_one() -> None:
    told = {rule.playbook for rule in POLICY.alerts.facts.values()}
    assert told == SENTENCES.keys()
    assert set(PLAYBOOKS.names()) == told | SEVERE | OTHERS


@pytest.mark.parametrize("name", PLAYBOOKS.names())
def test_a_playbook_names_what_it_is_about_and_says_all_that_is_asked_of_it(name: str) -> None:
    text = PLAYBOOKS.text(name)
    assert PLAYBOOKS.title(name).startswith(f"{name}: ")
    if name in POLICY.breaks.codes:
        assert POLICY.breaks.codes[name].owner in text
    if name == "working_a_break":
        return
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    short = {
        title
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
        if len(body.strip()) < LEAST.get(title, 20)
    }
    assert short == set()
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    for asked in ("First five minutes", "Which cause"):  # what is so, and what tells its causes apart
        assert "```sql" in bodies[asked], asked


@pytest.mark.parametrize("name", PLAYBOOKS.names())
def test_links_among_playbooks_lead_somewhere(name: str) -> None:
    linked = set(re.findall(r"\]\((\w+)\.md\)", PLAYBOOKS.text(name)))
    assert linked <= set(PLAYBOOKS.names())


def test_every_query_can_be_asked_and_changes_nothing(tied_url: str) -> None:
    wrong = {}
    with psycopg.connect(tied_url, options="-c default_transaction_read_only=on", autocommit=True) as asked:
        for name, text in blocks("sql"):
            for statement in filter(str.strip, text.split(";\n")):
                try:
                    asked.execute(statement.encode())
                except psycopg.Error as error:
                    wrong[f"{name}: {statement.split('WHERE', maxsplit=1)[0][:60]}"] = str(
                        error
                    ).splitlines()[0]
    assert wrong == {}
    assert len(blocks("sql")) > len(SEVERE)


def test_a_query_of_a_codes_playbook_lists_what_its_breaks_are_about_or_counts_what_there_is() -> None:
    """The newest rows of the whole company tell no cause from another."""
    beside = {
        f"{name}: {statement.strip()[:80]}"
        for name, text in blocks("sql")
        for statement in filter(str.strip, text.split(";\n"))
        if name in SEVERE and f"'{name}'" not in statement and not COUNTS.search(statement)
    }
    assert beside == set()


def test_a_query_of_matches_says_of_which_kind_they_are() -> None:
    """An invoice is matched with its order, too: whoever asks for its payment says so."""
    of_all = [name for name, text in blocks("sql") if "recon.matches" in text and not OF_KIND.search(text)]
    assert of_all == []


def test_every_command_is_one(tied_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are run in test_playbook_commands.py, and Airflow's where the platform ran (tests/e2e)."""
    monkeypatch.setenv("TIEOUT_DATABASE_URL", tied_url)
    known = {"tieout": tieout, "airflow": airflow, "make": make, ".venv/bin/python": module, "git": git}
    for name, line in commands():
        program, *words = shlex.split(line, comments=True)
        assert program in known, f"{name}: {line}"
        known[program](words)


def tieout(words: list[str]) -> None:
    """The command line takes these words."""
    command: Any = typer.main.get_command(cli.app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


def airflow(words: list[str]) -> None:
    """Airflow's takes these; what is cleared has dates, for without them all runs there ever were would run again."""
    parsed = get_parser().parse_args(words)
    if words[:2] == ["tasks", "clear"]:
        assert parsed.start_date <= parsed.end_date


def make(words: list[str]) -> None:
    """These are targets."""
    assert set(words) <= TARGETS


def module(words: list[str]) -> None:
    """It is a module of this house that takes these words, or pytest for tests there are."""
    flag, name, *rest = words
    assert flag == "-m"
    assert importlib.util.find_spec(name)
    if "--help" in rest:
        asked = subprocess.run([sys.executable, *words], cwd=PROJECT, capture_output=True, check=False)
        assert (asked.returncode, asked.stderr) == (0, b"")
    assert all((PROJECT / word).exists() for word in rest if name == "pytest" and not word.startswith("-"))


def git(words: list[str]) -> None:
    """Only to undo an exercise."""
    verb, *paths = words
    assert verb == "checkout"
    assert all((PROJECT / path).is_dir() for path in paths)


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


def test_each_playbook_is_a_page_behind_the_login_and_lists_lead_to_it(site: Site) -> None:
    listed = site.get("/playbooks", me="vic").text
    for name in PLAYBOOKS.names():
        assert f'href="/tieout/playbooks/{name}"' in listed
    page = site.get("/playbooks/CA01", me="vic")
    assert page.status_code == 200
    assert "<h1>CA01: " in page.text
    assert "```" not in page.text
    assert site.get("/playbooks/CA01").status_code == 401
    assert site.get("/playbooks/none", me="vic").status_code == 404


def test_markdown_makes_no_tags_of_its_own_and_links_lead_to_pages() -> None:
    html = html_of(
        "<script>alert(1)</script>\n\n[x](CA02.md) [y](javascript:alert(1)) [z](https://e.example/a.md)"
    )
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert 'href="CA02"' in html
    assert 'href="https://e.example/a.md"' in html


def test_a_break_leads_to_the_playbook_of_its_code(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        severe = connection.execute(
            "SELECT break_id, code FROM recon.break_lives WHERE is_open AND code = ANY (%s) LIMIT 1",
            [list(SEVERE)],
        ).fetchone()
    assert severe is not None
    assert f'href="/tieout/playbooks/{severe[1]}"' in site.get(f"/breaks/{severe[0]}", me="ann").text
