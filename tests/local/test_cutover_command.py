"""`tieout cutover` as people use it: the plan, a dry run, both directions, and what is refused."""

import json

import pytest

from include.cli import main as cli
from include.flows.switch_writer import begin_as
from include.store.postgres import PostgresStore
from tests.flows.test_switching_writers import House, sign


def test_the_way_to_ours_and_back_from_the_command_line(
    store: PostgresStore,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def tieout(*words: str) -> tuple[object, str]:
        monkeypatch.setenv("TIEOUT_DATABASE_URL", database_url)
        monkeypatch.setattr("sys.argv", ["tieout", "cutover", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    ann = ("--as", "ann@firm.example", "--reason", "drill")
    house = House(store)
    code, said = tieout("back", "orders", "--trigger", "drill", *ann)
    assert (code, "orders: theirs writes, token 3" in said) == (0, True)
    house.decide("A")
    code, said = tieout("plan", "orders")
    assert (code, "not signed" in said, "1 order at erp queued" in said) == (0, True, True)
    code, said = tieout("go", "orders", *ann, "--settle-seconds", "0")
    assert (code, "parity is not signed off" in said) == (1, True)
    dry = json.loads(tieout("go", "invoices", *ann, "--dry-run", "--json")[1])
    assert (dry["would_be_refused"], dry["steps"]) == (["already ours: invoices"], [])
    dry = json.loads(tieout("go", "orders", *ann, "--dry-run", "--json")[1])
    assert len(dry["would_be_refused"]) == 1
    stranger = ("--as", "eve@firm.example", "--reason", "drill", "--dry-run", "--emergency", "--hold-shadow")
    dry = json.loads(tieout("go", "orders", *stranger, "--settle-seconds", "77", "--json")[1])
    assert "eve@firm.example is not known as an administrator" in dry["would_be_refused"][0]
    assert "the old path's last calls have 77 s" in dry["steps"]
    assert any("parked if they were decided in shadow" in step for step in dry["steps"])
    nobody = tieout("go", "orders", "--as", "ann@firm.example", "--reason", " ", "--dry-run")[1]
    assert "It would be refused: a reason is missing" in nobody
    drained = ("--trigger", "drill", "--drain-seconds", "60", "--dry-run", "--json")
    dry = json.loads(tieout("back", "invoices", *drained, *ann)[1])
    assert (dry["would_be_refused"], "what is queued has 60 s to be sent" in dry["steps"]) == ([], True)
    assert tieout("may-write", "orders", "--token", "3")[0] == 0
    sign(store)
    [done] = json.loads(tieout("go", "orders", *ann, "--settle-seconds", "0", "--json")[1])
    assert (done["writer"], done["token"], done["waiting"]) == ("ours", 5, 1)
    assert tieout("may-write", "orders", "--token", "3")[0] == 3
    assert house.deliver() == {"confirmed": 1}
    shown = ("back", "orders", "--dry-run", *ann)
    assert [tieout(*shown, "--trigger", name)[0] for name in ("parity_money", "parity_duplicates")] == [0, 0]
    code, said = tieout("back", "--all", "--trigger", "duplicate_invoice", *ann)
    assert (code, "ours wrote 1 order at erp" in said) == (0, True)
    assert tieout("back", "--all", "--trigger", "other", *ann) == (
        1,
        "tieout: every flow is theirs already\n",
    )
    assert "there is no flow order;" in tieout("plan", "order")[1]
    told = json.loads(tieout("plan", "--json")[1])
    assert {row["writer"] for row in told["flows"]} == {"theirs"}
    assert told["switches"][0]["evidence"]["trigger"] == "duplicate_invoice"
    begin_as(store, (), environment="prod")
    assert "environment prod;" in tieout("plan")[1], "whatever TIEOUT_ENVIRONMENT says where somebody works"
    dry = json.loads(tieout("go", "--all", *ann, "--dry-run", "--json")[1])
    assert "the old path's last calls have 30 s" in dry["steps"]
