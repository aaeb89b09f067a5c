"""`tieout parity` from the command line: exit codes, JSON, and a pack that is checked without a database."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from include.cli import main as cli
from include.cli.parity_show import tables_of_day
from include.flows.ask_approvals import note_person
from include.flows.show_parity import ShownDay
from include.flows.sign_parity import MAY_SIGN
from include.local.databases import DatabaseUrls
from include.store.postgres import PostgresStore
from tests.flows.test_signing_parity import LAST, fourteen_days


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with fourteen_days(server_urls) as url:
        yield url


def tieout(*words: str) -> int:
    """Run a command as a shell would; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["tieout", "parity", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


def test_from_the_first_difference_to_a_pack_that_anybody_can_check(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE_URL", url)
    last = ("--last", LAST.isoformat())
    assert tieout("show") == 0
    assert "rolls_to_business_day" in capsys.readouterr().out
    assert tieout("show", "--day", "2020-01-01") == 2
    assert tieout("judge", *last) == 1
    assert "in the way: " in capsys.readouterr().out

    until = (LAST + timedelta(days=1)).isoformat()
    entry = (
        "--kind",
        "invoices",
        "--field",
        "due_date",
        "--class",
        "logic",
        "--cause",
        "rolls_to_business_day",
    )
    for who in ("ann", "ben"):
        note_person(PostgresStore(url), who, ["can_approve", "can_work"])
    with psycopg.connect(url) as connection:
        [today] = connection.execute(
            "SELECT (now() AT TIME ZONE 'Asia/Singapore')::date + 30"
        ).fetchone() or [until]
    why = ("--owner", "AR", "--until", str(today), "--reason", "agreed")
    assert tieout("accept", "--as", "ann", *entry, *why, "--json") == 0
    [made] = json.loads(capsys.readouterr().out)
    approve = ("--approve", str(made["accepted_no"]))
    assert tieout("accept", "--as", "ann", *approve) == 1
    assert tieout("accept", "--as", "ben", *approve) == 0
    for what in ("replay", "payout_failure"):
        drill = ("--what", what, "--day", LAST.isoformat(), "--found", "nothing was lost")
        assert tieout("drill", "--as", "ops", *drill) == 0
    never = ("--what", "replay", "--day", "2999-06-30", "--found", "nothing was lost")
    assert tieout("drill", "--as", "ops", *never) == 1
    assert "nothing can have been tried out on 2999-06-30 yet" in capsys.readouterr().err
    assert tieout("judge", *last) == 0

    capsys.readouterr()
    assert tieout("sign", "--as", "ben", "--role", "controller", *last, "--reason", "seen") == 1
    assert "ben may not sign as controller" in capsys.readouterr().err, "the console does not know them"
    for role, who in (("controller", "ben"), ("revops", "rita"), ("it", "joe")):
        note_person(PostgresStore(url), who, [MAY_SIGN[role]])
        assert tieout("sign", "--as", who, "--role", role, *last, "--reason", "seen") == 0
        with psycopg.connect(url) as connection:  # compared again, to the same
            connection.execute("INSERT INTO parity.reruns (day, edition, same) VALUES (%s, 1, true)", (LAST,))
    assert tieout("sign", "--as", "rita", "--role", "it", *last, "--reason", "again") == 1
    key, pack = tmp_path / "key.pem", tmp_path / "pack"
    assert tieout("key", str(key)) == 0
    public_key = capsys.readouterr().out.split("public key ")[1].split(",")[0]
    assert key.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert tieout("pack", *last, "--key", str(key), "--out", str(pack)) == 0
    assert tieout("pack", *last, "--key", str(key), "--out", str(pack)) == 1
    assert "is there already" in capsys.readouterr().err
    assert tieout("pack", *last, "--key", str(tmp_path / "none"), "--out", str(tmp_path / "other")) == 1

    monkeypatch.delenv("TIEOUT_DATABASE_URL")
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: pytest.fail("it needs no database"))
    capsys.readouterr()
    assert tieout("verify", str(pack), "--public-key", public_key, "--json") == 0
    assert json.loads(capsys.readouterr().out)["signed_by"] == {
        "controller": "ben",
        "it": "joe",
        "revops": "rita",
    }
    page = pack / "parity.html"
    page.write_text(page.read_text().replace("joe", "jim"))
    assert tieout("verify", str(pack)) == 1
    assert "parity.html was changed" in capsys.readouterr().out
    assert tieout("verify", str(tmp_path)) == 2


def test_the_register_takes_the_role_that_the_console_asks_for_and_one_act_at_a_time(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE_URL", url)
    assert tieout("accept", "--as", "eve", "--kind", "invoices") == 1
    assert "eve may not change entries of the register" in capsys.readouterr().err, (
        "the console does not know them"
    )
    note_person(PostgresStore(url), "eve", ["can_work"])
    assert tieout("accept", "--as", "eve", "--kind", "invoices") == 1
    assert "needs --field" in capsys.readouterr().err
    assert tieout("accept", "--as", "eve", "--approve", "999") == 1
    assert "eve may not approve" in capsys.readouterr().err
    assert tieout("accept", "--as", "eve", "--end", "999") == 1
    assert "the register has no entry 999" in capsys.readouterr().err
    assert tieout("accept", "--as", "eve", "--approve", "1", "--end", "1") == 1
    assert "say one of --kind, --approve and --end" in capsys.readouterr().err
    assert tieout("accept", "--as", "eve") == 0, "the register is everybody's to read"


def test_a_key_is_not_written_over_and_its_folder_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [tieout("key", str(tmp_path / "key.pem")) for _ in range(2)] == [0, 1]
    assert "is there already, and a key is never written over" in capsys.readouterr().err
    assert tieout("key", str(tmp_path / "nowhere" / "key.pem")) == 1
    assert "cannot be made: No such file or directory" in capsys.readouterr().err


def test_comparing_needs_one_place_to_read_from(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE_URL", url)
    assert tieout("compare", "--day", LAST.isoformat()) == 2
    assert tieout("show", "--kind", "order") == 2, "and not: none differ"
    assert tieout("compare", "--day", LAST.isoformat(), "--legacy", "nowhere") == 2
    assert "not a folder" in capsys.readouterr().err
    assert tieout("compare", "--day", LAST.isoformat(), "--legacy", os.fspath(Path.cwd())) == 1
    assert "tie out the day first" in capsys.readouterr().err


def test_a_day_is_shown_with_its_unreadable_rows_and_what_was_learnt_since() -> None:
    bad = {
        "place": "orders.csv, line 7",
        "kind": "orders",
        "key": None,
        "column_name": "amount",
        "reason": "xx",
    }
    late = {
        "side": "invoice",
        "item_id": "I1",
        "currency": "SGD",
        "was_minor": 10000,
        "now_minor": 0,
        "why": "paid",
    }
    shown = ShownDay(day={}, causes=[], differences=[], quarantined=[bad], restated=[late])
    assert [table[1] for table in tables_of_day(shown)] == [
        ("orders.csv, line 7", "orders", "-", "amount", "xx"),
        ("invoice", "I1", "100.00 SGD", "0.00 SGD", "paid"),
    ]
