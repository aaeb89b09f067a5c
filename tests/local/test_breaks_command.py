"""`tieout breaks` as people use it: two of them, one break, on a database of theirs."""

import json
from collections.abc import Callable

import pytest

from include.cli import main as cli
from include.flows.ask_approvals import note_person
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.conftest import draw as draw  # noqa: PLC0414 - a fixture
from tests.flows.lives import Days

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tieout(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: its exit code, output and complaint."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("TIEOUT_DATABASE_URL", database_url)
        monkeypatch.setattr("sys.argv", ["tieout", "breaks", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else int(bool(code)), said.out, said.err

    return run


@pytest.fixture
def days(store: PostgresStore, database_url: str, draw: Draw) -> Days:
    return Days(store, database_url, draw)


def test_two_people_write_a_break_off(days: Days, tieout: Run) -> None:
    days.load(
        invoices="1 INV-1 C1 2026-01-01 2026-01-31 SGD 50.00", payments="P C1 INV-1 SGD 45.00 2026-02-01"
    )
    days.publish("2026-03-31")
    code, listed, _ = tieout("list")
    assert (code, "CA03" in listed, "5.00 SGD" in listed) == (0, True, True)
    break_id = json.loads(tieout("list", "--json")[1])[0]["break_id"]
    short = break_id[:8]
    code, _, complaint = tieout("assign", short, "--to", "ann", "--as", "lead")
    assert (code, "nobody called ann is known here" in complaint) == (1, True)
    note_person(days.store, "ann", ["can_read", "can_work"])
    assert tieout("assign", short, "--to", "ann", "--as", "lead")[0] == 0
    proposal = ("propose", short, "--kind", "write_off", "--reason", "not worth a letter", "--as", "ann")
    assert tieout(*proposal)[1] == f"break {short} is PROPOSED, ann has it (version 3)\n"
    code, _, complaint = tieout("approve", short, "--as", "Ann ")
    assert (code, "ann proposed it" in complaint) == (1, True)
    code, _, complaint = tieout("approve", short, "--as", "ben", "--seen", "2")
    assert (code, "was proposed by ann" in complaint) == (1, True)
    assert tieout("approve", short, "--as", "ben", "--seen", "3")[0] == 0
    accepted = tieout("accept", short, "--reason", "booked", "--as", "ann", "--json")[1]
    assert json.loads(accepted) == {
        "break_id": break_id,
        "state": "ACCEPTED",
        "version": 5,
        "assignee": "ann",
    }
    shown = tieout("show", short)[1]
    assert [
        word in shown for word in ("not worth a letter", "short pay unexplained", "proposed write_off")
    ] == [True] * 3
    history = json.loads(tieout("show", short, "--json")[1])["history"]
    assert [row["action"] for row in history] == ["opened", "assigned", "proposed", "approved", "accepted"]
    assert (tieout("list")[1].count("\n"), tieout("list", "--closed")[1].count("\n")) == (1, 2)


def test_a_break_nobody_knows_and_a_kind_that_is_none_are_refused(days: Days, tieout: Run) -> None:
    days.load()
    assert tieout("comment", "ffffffff", "--reason", "hm", "--as", "ann")[::2] == (
        1,
        "tieout: no break has an id beginning with ffffffff\n",
    )
    assert tieout("propose", "ffffffff", "--kind", "ignore", "--reason", "hm", "--as", "ann")[0] == 2


def test_every_command_explains_itself_with_an_example(tieout: Run) -> None:
    for command in ("list", "show", "assign", "comment", "propose", "approve", "reject", "resolve", "accept"):
        code, said, _ = tieout(command, "--help")
        assert (code, "Example: tieout breaks" in said) == (0, True), command


def test_two_people_match_by_hand_and_a_third_parts_it_again(days: Days, tieout: Run) -> None:
    days.load(invoices="1 INV-1 C1 2026-01-01 2026-01-31 SGD 500.00", payments="P C1 - SGD 450.00 2026-02-01")
    days.publish("2026-03-30")
    short = str(days.break_id("P"))[:8]
    words = ("match", short, "--invoice", "INV-1=400.00", "--reason", "the advice", "--as", "ann")
    assert tieout(*words)[1] == f"break {short} is PROPOSED, ann has it (version 2)\n"
    assert tieout("approve", short, "--as", "ben")[0] == 0
    listed = tieout("decisions")[1]
    assert "INV-1 400.00 SGD" in listed
    assert "ann, approved by ben" in listed
    days.publish("2026-03-31")
    [match] = days.rows("SELECT match_id FROM recon.matches WHERE rule = 'manual' AND state = 'posted'")
    parted = tieout("unmatch", match["match_id"], "--reason", "wrong payer", "--as", "cho", "--json")[1]
    assert json.loads(parted)["state"] == "PROPOSED"
    code, _, complaint = tieout("withdraw", short, "--reason", "never mind", "--as", "cho")
    assert (code, "nobody parted P from anything" in complaint) == (1, True)
