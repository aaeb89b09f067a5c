"""Training: what it names exists, and its pictures are few, small and shown. Its commands are run by test_playbooks."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
import typer.main

from include.cli import main as cli
from include.local.home import PROJECT
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles

FOLDER = PROJECT / "docs" / "training"
PAGES = sorted(FOLDER.glob("*.md"))
PICTURES_MAX, PICTURE_BYTES_MAX = 12, 150_000
HOUSE = (
    "README.md",
    "docs",
    "include",
    "dags",
    "plugins",
    "sql",
    "tests",
    "Makefile",
    "airflow_settings.yaml",
)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_finance_operations_and_engineers_are_taught_with_exercises_and_found_from_the_readme() -> None:
    assert [page.stem for page in PAGES] == ["engineers", "finance", "operations"]
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"docs/training/{page.name}" in readme
        asked, _, answered = text_of(page).partition("## Exercises\n")[2].partition("### Answers\n")
        assert len(re.findall(r"^\d\.", asked, re.MULTILINE)) >= 5
        assert answered.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_and_every_file_that_is_named_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(text_of(page)) if "://" not in link]
    named = [
        code for code in _INLINE.findall(text_of(page)) if code.split("/")[0] in HOUSE and " " not in code
    ]
    assert [link for link in links if not (FOLDER / link).exists()] == []
    assert [name for name in named if not (PROJECT / name).exists()] == []
    assert named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_named_in_a_sentence_is_one(page: Path) -> None:
    root = typer.main.get_command(cli.app)
    for code in _INLINE.findall(text_of(page)):
        program, *words = code.split()
        if program == "tieout" and words:
            command = root
            while hasattr(command, "commands"):
                assert words, code
                assert words[0] in command.commands, code
                command = command.commands[words.pop(0)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_code_and_every_test_it_speaks_of_is_there(page: Path) -> None:
    codes = set(re.findall(r"\b[A-Z]{2}\d{2}\b", text_of(page)))
    assert codes <= load_policy().breaks.codes.keys()
    tests = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", text_of(page)):
        assert f"def {name}(" in tests


def test_each_page_is_one_of_the_console_with_its_pictures(
    tied: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_our_roles(monkeypatch)
    site = Site(lambda: tied)
    for page in PAGES:
        assert f'href="/tieout/training/{page.stem}"' in site.get("/playbooks", me="vic").text
        html = site.get(f"/training/{page.stem}", me="vic").text
        assert "<h1>" in html
        leads = re.findall(r'(?:src|href)="([^"/#][^":]*)"', html)
        assert leads or page.stem == "engineers"
        for lead in leads:
            assert site.get(urljoin("/training/", lead), me="vic").status_code == 200, lead
    assert site.get("/training/none", me="vic").status_code == 404
    assert site.get("/training/none.png", me="vic").status_code == 404


def test_pictures_are_few_and_small_and_each_is_shown() -> None:
    pictures = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}
    shown = {link for page in PAGES for link in _LINK.findall(text_of(page)) if link.endswith(".png")}
    assert pictures.keys() == {link for link in shown if "/" not in link}
    assert len(pictures) <= PICTURES_MAX
    assert {name: size for name, size in pictures.items() if size > PICTURE_BYTES_MAX} == {}
