"""Commands that history keeps with somebody's name take nobody's, and no program's, before they do anything."""

import os
import pwd
import re
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from typer.testing import CliRunner

from include.cli import shared
from include.cli.main import app
from include.store.migrate import migrate
from tests.flows.test_sealing import KEYS

AUDIT = Path(__file__).parents[2] / "docs/audit.md"
COMMANDS = {
    "keys seal": ("keys", "seal"),
    "shred": ("shred", "contacts/P1", "--reason", "asked"),
    "salesforce login": ("salesforce", "login"),
    "delivery replay": ("delivery", "replay", "--subject", "invoices/1", "--reason", "mended"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("name", ["run", "policy", "program:fast_lane", " "])
def test_no_command_acts_in_the_name_of_a_program(
    database_url: str, words: tuple[str, ...], name: str
) -> None:
    environment = {
        "TIEOUT_DATABASE_URL": database_url,
        "TIEOUT_VAULT_KEYS": KEYS,
        "TIEOUT_SALESFORCE_DOMAIN": "acme.my",
        "TIEOUT_SALESFORCE_CONSUMER_KEY": "key",
        "TIEOUT_SALESFORCE_REFRESH_TOKEN": "refresh",
    }
    with psycopg.connect(database_url) as connection:
        before = connection.execute("SELECT count(*) FROM audit.events").fetchone()
    done = CliRunner().invoke(app, [*words, "--as", name], env=environment)
    assert done.exit_code != 0
    assert any(said in str(done.exception) for said in ("nobody's", "no login or mail address"))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM audit.events").fetchone() == before


@pytest.mark.parametrize(
    ("session", "known"),
    [
        ("1001", "ann"),
        ("4294967295", pwd.getpwuid(os.getuid()).pw_name),
        ("no number", pwd.getpwuid(os.getuid()).pw_name),
    ],
    ids=["a person's session", "nobody's session", "the kernel does not say"],
)
def test_the_audit_log_keeps_who_was_logged_in_whatever_name_was_given(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: str, known: str
) -> None:
    migrate(database_url)
    of_number = pwd.getpwuid
    (tmp_path / "loginuid").write_text(session)
    monkeypatch.setattr(shared, "SESSION", tmp_path / "loginuid")
    monkeypatch.setattr(
        shared.pwd,
        "getpwuid",
        lambda number: SimpleNamespace(pw_name="ann") if number == 1001 else of_number(number),
    )
    environment = {"TIEOUT_DATABASE_URL": database_url, "SUDO_USER": "mallory", "USER": "mallory"}
    for name in ("ben", "cat"):
        words = ["recovery", "note", "--as", name, "--reason", "tried"]
        done = CliRunner().invoke(app, words, env=environment)
        assert done.exit_code == 0, done.output
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT actor, login FROM audit.events WHERE NOT starts_with(actor, 'program:') ORDER BY xid, id"
        ).fetchall()
        [query] = re.findall(r"```sql\n(.*?)```", AUDIT.read_text(), re.DOTALL)
        under_two = connection.execute(query).fetchall()
        [user] = connection.execute("SELECT session_user").fetchone() or [None]
    assert rows == [(name, f"{user} for {known}") for name in ("ben", "cat")]
    assert under_two == [(f"{user} for {known}", ["ben", "cat"])]
