"""What a sign-off is good for: going under the rules and code it was about, with nothing against it since."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from include.flows import allow_switch
from include.flows.accept_difference import note_drill
from include.flows.allow_switch import Grounds
from include.flows.ask_approvals import note_person
from include.flows.judge_parity import judge_parity
from include.flows.preview_switch import Planned, preview
from include.flows.replay import By
from include.flows.sign_parity import MAY_SIGN, ask_signatures, sign
from include.flows.switch_writer import Patience, Switched, back, begin_as, go, history, writers
from include.local.databases import DatabaseUrls
from include.policy import load_policy
from include.ports import Rejected
from include.store.postgres import PostgresStore
from include.version import code_sha256
from tests.flows.test_signing_parity import LAST, compared, fourteen_days, green, signed, today

POLICY = load_policy()
ANN = By("ann@firm.example", "as planned")
AT_ONCE = Patience(calls_s=0, settle_s=0)
AS_SIGNED, CHANGED = Grounds(policy=POLICY), Grounds(policy=POLICY, changed=True)
FLOWS = ("orders", "invoices")


@pytest.fixture
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with fourteen_days(server_urls) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """Where the old path writes, and the days are not signed yet."""
    with PostgresStore(url).keeping() as store:
        begin_as(store, FLOWS, environment="prod")
        yield store


def goes(store: PostgresStore, grounds: Grounds, *flows: str) -> list[Switched]:
    return go(store, flows or ("orders",), ANN, grounds=grounds, patience=AT_ONCE)


def test_what_was_signed_under_other_rules_or_code_goes_by_a_word_that_is_kept(store: PostgresStore) -> None:
    signed(store)
    with pytest.raises(
        Rejected, match="were computed by rules r, code unknown, code c, and here run"
    ) as refused:
        goes(store, AS_SIGNED)
    assert f"code {code_sha256()[:12]}" in str(refused.value)
    planned = Planned(flows=["orders"], to="ours", by=ANN, patience=AT_ONCE, grounds=AS_SIGNED)
    assert list(preview(store, planned).would_be_refused) == [str(refused.value)]
    [done] = goes(store, CHANGED)
    assert done.writer == "ours"
    kept = history(store, "orders")[0]["evidence"]
    assert ("code c" in kept["changed"], kept["signed"]["by"]) == (True, ["ben", "joe", "rita"])


def test_a_day_that_came_after_what_was_signed_must_be_green_too(store: PostgresStore, url: str) -> None:
    signed(store)
    after = LAST + timedelta(days=1)
    with psycopg.connect(url) as connection:
        compared(connection, after, again=False)
    with pytest.raises(
        Rejected, match=f"since the days that were signed {after} is not green: reruns is not measured"
    ):
        goes(store, CHANGED)
    assert writers(store, "orders")[0]["writer"] == "theirs"
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO parity.reruns (day, edition, same) VALUES (%s, 1, true)", (after,))
    assert goes(store, CHANGED)[0].writer == "ours"


def test_no_other_flow_goes_while_going_back_is_due(store: PostgresStore, url: str) -> None:
    signed(store)
    goes(store, CHANGED)
    here = today(store)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE ops.writers DISABLE TRIGGER USER")  # it went the day before yesterday
        connection.execute("UPDATE ops.writers SET since = since - interval '2 days' WHERE flow = 'orders'")
        connection.execute("ALTER TABLE ops.writers ENABLE TRIGGER USER")
        compared(connection, here, differences=6)
        connection.execute(
            "INSERT INTO parity.differences SELECT %s, 1, 'orders', 'O-' || n, 1, 'key', 'there', NULL, 'SGD', 1, "
            "NULL, 'logic', '', '{}' FROM generate_series(1, 5) AS n",
            (here,),
        )
    with pytest.raises(Rejected, match="going back is due: keys that only one path has"):
        goes(store, CHANGED, "invoices")


def test_a_day_that_comes_to_something_else_while_nobody_writes_stops_the_switch(
    store: PostgresStore, url: str
) -> None:
    signed(store)

    def compared_anew(_: str) -> None:
        with psycopg.connect(url) as connection:
            [edition] = connection.execute(
                "SELECT max(edition) FROM parity.days WHERE day = %s", (LAST,)
            ).fetchone()
            compared(connection, LAST, edition=edition + 1)

    with pytest.raises(Rejected, match=r"parity is not signed off.* Nobody writes orders now"):
        go(
            store,
            ["orders"],
            ANN,
            grounds=CHANGED,
            patience=Patience(calls_s=0, settle_s=0.01),
            tell=compared_anew,
        )
    assert writers(store, "orders")[0]["writer"] == "nobody"
    assert back(store, ["orders"], ANN, trigger="drill", patience=AT_ONCE)[0].writer == "theirs"


def test_who_signed_before_somebody_had_to_go_back_signs_days_that_end_later(
    store: PostgresStore, url: str
) -> None:
    window_no = green(store).window_no
    for role, person in (("controller", "ben"), ("revops", "rita")):
        sign(store, window_no, role=role, person=person, reason="seen")  # type: ignore[arg-type]
    [asked] = ask_signatures(store, policy=POLICY, asked_in="one")
    assert "Every limit is kept on the 5 days that must be green." in asked.body, (
        "of the others nothing is said"
    )
    go(store, ["orders"], ANN, grounds=emergency(store), patience=AT_ONCE)
    assert "not signed off" in history(store, "orders")[0]["evidence"]["against"][0], (
        "what it was in spite of"
    )
    back(store, ["orders"], ANN, trigger="duplicate_invoice", patience=AT_ONCE)
    with pytest.raises(Rejected, match=r"somebody had to go back at .* judge days that end later"):
        sign(store, window_no, role="it", person="joe", reason="seen")
    with psycopg.connect(url) as connection:  # past our own program
        connection.execute(
            "INSERT INTO parity.sign_offs (window_no, role, person, reason) VALUES (%s, 'it', 'joe', 'seen')",
            (window_no,),
        )
        assert connection.execute("SELECT * FROM ops.parity_signed()").fetchall() == []
    with pytest.raises(Rejected, match="not since anybody had to go back"):
        goes(store, CHANGED)


def test_nobody_is_asked_to_complete_what_was_signed_before_going_back(store: PostgresStore) -> None:
    sign(store, green(store).window_no, role="controller", person="ben", reason="seen")
    go(store, ["orders"], ANN, grounds=emergency(store), patience=AT_ONCE)
    back(store, ["orders"], ANN, trigger="duplicate_invoice", patience=AT_ONCE)
    assert ask_signatures(store, policy=POLICY, asked_in="one") == []


def test_the_days_that_led_to_going_back_are_not_signed_again_though_judged_anew(
    store: PostgresStore, url: str
) -> None:
    signed(store)
    goes(store, CHANGED)
    back(store, ["orders"], ANN, trigger="duplicate_invoice", patience=AT_ONCE)
    for drill in ("replay", "payout_failure"):
        note_drill(store, drill=drill, day=LAST, person="ops", found="once more", policy=POLICY)
    anew = green(store).window_no
    with pytest.raises(Rejected, match=f"after days up to {LAST} were signed: judge days that end later"):
        sign(store, anew, role="it", person="joe", reason="seen")
    with psycopg.connect(url) as connection:  # past our own program
        connection.execute(
            "INSERT INTO parity.sign_offs (window_no, role, person, reason) SELECT %s, role, person, 'seen' "
            "FROM (VALUES ('controller', 'ben'), ('revops', 'rita'), ('it', 'joe')) AS three (role, person)",
            (anew,),
        )
        assert connection.execute("SELECT * FROM ops.parity_signed()").fetchall() == []
        compared(connection, LAST + timedelta(days=1))
    later = judge_parity(store, last=LAST + timedelta(days=1), policy=POLICY).window_no
    for role, person in (("controller", "ben"), ("revops", "rita"), ("it", "joe")):
        sign(store, later, role=role, person=person, reason="seen")  # type: ignore[arg-type]
    assert goes(store, CHANGED)[0].writer == "ours"


def test_a_months_end_that_is_signed_is_not_asked_about_day_by_day(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(store)
    with psycopg.connect(url) as connection:
        compared(connection, LAST + timedelta(days=1))
    for drill in ("replay", "payout_failure"):
        note_drill(store, drill=drill, day=LAST, person="ops", found="as before", policy=POLICY)
    asked = ask_signatures(store, policy=POLICY, asked_in="one")
    assert len(asked) == 3, "other rules and code run here by now than were signed"
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE parity.sign_asks SET closed_at = now(), outcome = 'unanswered'")
    monkeypatch.setattr(allow_switch, "_others", lambda *_: [])
    assert ask_signatures(store, policy=POLICY, asked_in="two") == []
    assert len(ask_signatures(store, policy=POLICY, asked_in="three", last=LAST + timedelta(days=1))) == 3


def emergency(store: PostgresStore) -> Grounds:
    note_person(store, ANN.actor, ["can_audit", "can_deliver", *MAY_SIGN.values()])
    return Grounds(policy=POLICY, emergency=True)
