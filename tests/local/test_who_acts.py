"""Commands that history keeps with somebody's name take nobody's, and no program's, before they do anything."""

import psycopg
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from tests.flows.test_sealing import KEYS

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
