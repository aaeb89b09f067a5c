"""`tieout delivery` as people use it: what is parked and who mends it, a key decided twofold, and sending it again."""

import json

import pytest

from include.cli import main as cli
from include.store.postgres import PostgresStore
from tests.flows.peers import Peer, half_refused
from tests.flows.test_delivering import Office, order


def test_a_parked_message_names_who_mends_it_and_is_sent_again(
    store: PostgresStore,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def tieout(*words: str) -> tuple[object, str]:
        monkeypatch.setenv("TIEOUT_DATABASE_URL", database_url)
        monkeypatch.setattr("sys.argv", ["tieout", "delivery", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    office = Office(store, database_url)
    office.decide("A", body="10.00")
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    office.decide("A", body="99.00")
    code, listed = tieout("list")
    assert code == 0
    assert [word in listed for word in ("VALIDATION_HARD", "Integration", "deals/A", "S1")] == [True] * 4
    [conflict] = json.loads(tieout("list", "--json")[1])["key_conflicts"]
    assert (conflict["sent"]["text"], conflict["body"]["text"]) == ("10.00", "99.00")
    why = ("--as", "ann@firm.example", "--reason", "rule relaxed")
    assert tieout("replay", *why)[0] == 1
    assert tieout("replay", "--key", order("A").key, *why[:2])[0] == 2
    assert tieout("replay", "--key", order("A").key, *why[2:])[0] == 2
    long = tieout("replay", "--key", order("A").key, *why[:3], "x" * 2_001)
    assert (long[0], "the reason has 2,001 characters, and 2,000 are kept" in long[1]) == (1, True)
    assert office.states() == {"A": "parked"}
    dry = tieout("replay", "--key", order("A").key, *why, "--dry-run")
    assert (dry[0], "1 would be on their way again" in dry[1], "10.00" in dry[1]) == (0, True, True)
    assert "replay 1 waits for somebody else" in tieout("replay", "--key", order("A").key, *why, "--ask")[1]
    assert "ann@firm.example" in tieout("list")[1].partition("waits for a second person")[2]
    assert tieout("approve", "1", *why)[0] == 1
    assert office.states() == {"A": "parked"}
    assert tieout("refuse", "1", *why)[0] == 1
    assert "replay 1 is withdrawn" in tieout("withdraw", "1", *why)[1]
    assert "waits for a second person" not in tieout("list")[1]
    assert (
        "replay 2 waits for somebody else, for 72 hours"
        in tieout("replay", "--key", order("A").key, *why, "--ask")[1]
    )
    refused = tieout("refuse", "2", "--as", "ben@firm.example", "--reason", "the rule still stands")
    assert refused == (0, "replay 2 is refused; its messages stay parked\n")
    assert "refused  the rule still stands" in tieout("list")[1]
    assert "was refused by ben@firm.example" in tieout("approve", "2", *why)[1]
    shown = order("A").key[:12]
    assert shown in tieout("list")[1]
    assert "no parked message fits" in tieout("replay", "--key", shown[:11], *why)[1]
    assert "no parked message fits" in tieout("replay", "--key", shown.replace(shown[0], "_"), *why)[1]
    backwards = tieout("replay", "--since", "2026-07-02", "--until", "2026-07-01", *why)
    assert (backwards[0], "a window begins before it ends" in backwards[1]) == (1, True)
    assert "1 on their way again" in tieout("replay", "--key", shown, *why)[1]
    office.settle()
    assert office.effects() == ["A"]
    nothing = tieout("replay", "--key", shown, *why)
    assert (nothing[0], "no parked message fits" in nothing[1]) == (0, True)
