"""From a deal that was won to its order and invoice, and everything that may happen to it in between."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
import pytest

from include.connectors.world.translate import translate
from include.domain.canonical_json import sha256
from include.domain.delivery import Message, Outcome
from include.domain.entities import ENTITIES
from include.flows.create_order import Billing, create_order, decide_deals
from include.flows.deliver_outbox import deliver_outbox
from include.flows.guard_gate import Gated
from include.flows.guard_stale import Guarded
from include.flows.guard_writer import Around, InCalls
from include.flows.land_records import land_records
from include.flows.look_at_lines import look_at_lines
from include.flows.pull_changes import pull_changes
from include.flows.replay import By, Most, Wanted, approve_replay, ask_replay, hold, parked, replay
from include.flows.write_rows import typed
from include.policy import load_policy
from include.ports import Fatal, RawRecord, Rejected, Transaction, Translated
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live
from tests.flows.peers import Fault, Peer, answer_lost, lost_before
from tests.store.waiting import somebody_waits

POLICY = load_policy()
LIVES = POLICY.delivery.asked_for
BILLING = Billing(tenant="sg", organisation="00D1")
REOPENED = {"StageName": "Open", "IsWon": "false", "IsClosed": "false"}
WON = "006A Won true true 1200.00 SGD 2026-03-02 - 001A 5 - 12 Gold 100"


@dataclass
class Crm:
    """The deals as Salesforce has them at this moment."""

    system: str = "salesforce"
    deals: dict[str, dict[str, str]] = field(default_factory=dict)
    lines: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        assert entity == "opportunities"
        return RawRecord(native_id=native_id, version="", payload=self.deals[native_id], place="")

    def look_at_parts(self, entity: str, *, of: str, native_id: str) -> Sequence[RawRecord]:
        assert (entity, of) == ("deal_lines", "opportunity_id")
        lines = self.lines.get(native_id, [])
        return [RawRecord(native_id=line["Id"], version="", payload=line, place="") for line in lines]

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        return translate(entity, payload)


class Sales:
    """A deal's way: what both systems say, what we decide, what arrives."""

    def __init__(self, store: PostgresStore, url: str, draw: Draw) -> None:
        self.store, self.url, self.draw = store, url, draw
        self.crm, self.erp = Crm(), Peer(system="erp")
        self.salesforce = Peer(system="salesforce")
        self.turn, self.today = 0, date(2026, 3, 2)
        self.sees(customers="C1 Acme - SG - 001A", accounts="001A Acme - SG")

    def sees(self, **files: str) -> None:
        """Pull and land what the systems hold now."""
        source = self.pulls(**files)
        for entity in filter(files.__contains__, source.entities):
            land_records(source, self.store, entity=entity)

    def pulls(self, **files: str) -> Live:
        """Pull what the systems hold now; it has not landed then."""
        self.turn += 1
        source = Live(self.draw(folder=f"turn{self.turn}", **files))
        for entity in filter(files.__contains__, source.entities):
            pull_changes(source, self.store, entity=entity)
        if "opportunities" in files:
            page = source.fetch_page("opportunities", None)
            self.crm.deals |= {record.native_id: dict(record.payload) for record in page.records}
        return source

    def decide(self) -> Counter[str]:
        return create_order(self.store, POLICY, BILLING, today=self.today)

    def look(self, tx: Transaction) -> None:
        """Keep how the deals are in the CRM now, as an answered hint does, without any of them landing."""
        for native_id, payload in self.crm.deals.items():
            row = translate("opportunities", payload)
            thing = {"source": "salesforce", "entity": "opportunities", "native_id": native_id}
            facts = typed(ENTITIES["opportunities"], row) | {"row_hash": sha256(row)}
            tx.rows("lock_object", **thing)
            now = tx.rows("next_look")[0]
            tx.run("keep_look", **thing, **now, gone=False, facts=facts, facts_sha256=sha256(facts))

    def look_now(self) -> None:
        with self.store.transaction() as tx:
            self.look(tx)

    def hints(self) -> list[str]:
        """The deals somebody is to look at."""
        with psycopg.connect(self.url) as connection:
            query = "SELECT native_id FROM delivery.inbox WHERE state = 'new' ORDER BY hint_id"
            return [native_id for (native_id,) in connection.execute(query).fetchall()]

    def deliver(self, *faults: Fault) -> Counter[str]:
        self.erp.faults = list(faults)
        pace = POLICY.delivery.pace
        gated = Gated(self.erp, self.store, POLICY, today=lambda: self.today)
        erp = InCalls(Guarded(gated, self.crm), at_once=1)
        done = deliver_outbox(self.store, erp, pace=pace)
        return done + deliver_outbox(self.store, self.salesforce, pace=pace)

    def reached(self, peer: Peer) -> list[str]:
        return [effect.kind for effect in peer.effects]

    def failed(self) -> set[str]:
        with psycopg.connect(self.url) as connection:
            query = "SELECT name FROM delivery.gate_checks WHERE verdict = 'failed'"
            return {name for (name,) in connection.execute(query).fetchall()}

    def wins(self) -> list[int]:
        """How often the deals that the gate let pass had been won."""
        with psycopg.connect(self.url) as connection:
            return [
                win
                for (win,) in connection.execute("SELECT DISTINCT win FROM delivery.gate_checks").fetchall()
            ]

    def lines(self) -> dict[str, str]:
        """What counts of the deal's lines."""
        query = (
            "SELECT native_id, (amount_minor / 100.0)::numeric(9, 2)::text FROM delivery.deal_lines('006A')"
        )
        with psycopg.connect(self.url) as connection:
            return dict(connection.execute(query).fetchall())

    def billed(self) -> list[tuple[str, str]]:
        """First day and amount of every period invoiced in the ERP."""
        return [
            (effect.body["period_start"], effect.body["amount"])
            for effect in self.erp.effects
            if effect.kind == "invoice"
        ]


@pytest.fixture
def sales(store: PostgresStore, database_url: str, draw: Draw) -> Sales:
    return Sales(store, database_url, draw)


def test_a_won_deal_has_its_order_then_its_reference_and_its_invoice(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.decide() == {"reference": 1, "invoice": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["order", "invoice"]
    assert sales.reached(sales.salesforce) == ["order_reference"]
    assert sales.salesforce.effects[0].body["order_id"] == "R0"
    assert sales.erp.effects[0].body["amount"] == "1200.00"


def test_while_nobody_may_look_at_deals_nothing_is_ordered_and_nothing_is_in_doubt(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: str) -> RawRecord:
        raise Fatal("Salesforce refused the login")

    sales.sees(opportunities=WON)
    sales.decide()
    with monkeypatch.context() as patched:
        patched.setattr(sales.crm, "look_at", refused)
        with pytest.raises(Fatal, match="refused the login"):
            sales.deliver()
    with psycopg.connect(sales.url) as connection:
        assert connection.execute("SELECT state, attempts FROM delivery.outbox").fetchall() == [("queued", 0)]
    assert sales.reached(sales.erp) == []


def _line(native_id: str, amount: str, *, listed: str = "") -> dict[str, str]:
    prices = {"Quantity": "1", "ListPrice": listed or amount, "TotalPrice": amount, "CurrencyIsoCode": "SGD"}
    return {"Id": native_id, "OpportunityId": "006A", "ProductCode": "Gold", **prices}


@pytest.mark.parametrize(("listed", "failed"), [("1333.34", set()), ("1333.60", {"discount"})])
def test_a_deal_sold_below_its_list_price_is_discounted_whatever_it_states(
    sales: Sales, listed: str, failed: set[str]
) -> None:
    """A tenth may be given by anybody; each line may have been rounded by a cent."""
    sales.sees(opportunities=WON.replace(" 1200.00 ", " 2400.00 "))
    sales.crm.lines = {
        "006A": [_line("00kA", "1200.00", listed=listed), _line("00kB", "1200.00", listed=listed)]
    }
    look_at_lines(sales.crm, sales.store, deal="006A")
    sales.decide()
    assert sales.failed() == failed


def test_the_lines_a_look_found_count_until_newer_ones_land(sales: Sales) -> None:
    """A deal won a moment ago is not judged by what its lines were minutes before."""
    sales.sees(opportunities=WON)
    sales.crm.lines = {"006A": [_line("00kA", "900.00")]}
    assert look_at_lines(sales.crm, sales.store, deal="006A") == 1
    assert sales.decide() == {"task": 1}
    assert sales.failed() == {"lines"}
    sales.crm.lines["006A"].append(_line("00kB", "300.00"))
    look_at_lines(sales.crm, sales.store, deal="006A")
    assert sales.decide() == {"order": 1}


LINES = "00kA 006A 1 {a} {a} SGD\n00kB 006A 1 {b} {b} SGD"


def test_what_landed_of_a_line_since_the_look_counts_for_that_line_alone(sales: Sales) -> None:
    sales.sees(opportunities=WON, deal_lines=LINES.format(a="800.00", b="300.00"))
    sales.crm.lines = {"006A": [_line("00kA", "900.00"), _line("00kB", "200.00")]}
    look_at_lines(sales.crm, sales.store, deal="006A")
    assert sales.lines() == {"00kA": "900.00", "00kB": "200.00"}
    sales.sees(deal_lines=LINES.splitlines()[1].format(b="350.00"))
    assert sales.lines() == {"00kA": "900.00", "00kB": "350.00"}


def test_a_line_that_went_back_since_the_look_is_as_it_landed(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = LINES.format(a="800.00", b="300.00")
    sales.sees(opportunities=WON, deal_lines=landed)
    sales.crm.lines = {"006A": [_line("00kA", "900.00")]}
    look_at_lines(sales.crm, sales.store, deal="006A")
    assert sales.lines() == {"00kA": "900.00"}
    monkeypatch.setattr(Live, "stamp", "edited twice")
    sales.sees(deal_lines=landed)
    assert sales.lines() == {"00kA": "800.00", "00kB": "300.00"}


@pytest.mark.parametrize(
    ("last", "wins"), [("look", 2), ("read", 2), ("look and read", 2), ("look, read thrice", 3)]
)
def test_a_deal_seen_reopened_by_a_look_and_won_by_the_next_read_was_won_once_more(
    sales: Sales, last: str, wins: int
) -> None:
    sales.sees(opportunities=WON)
    sales.crm.deals["006A"] |= REOPENED
    sales.look_now()
    if last != "look":
        sales.sees(opportunities=WON)
    if last == "look, read thrice":
        sales.crm.deals["006A"] |= REOPENED
        sales.look_now()
        sales.sees(opportunities=WON)
    if "look" in last:
        sales.crm.deals["006A"] |= {"StageName": "Won", "IsWon": "true", "IsClosed": "true"}
        sales.look_now()
    assert sales.decide() == {"order": 1}
    assert sales.wins() == [wins]


def test_of_a_deal_one_row_is_kept_for_each_time_it_was_won_or_lost_and_not_for_each_look(
    sales: Sales,
) -> None:
    sales.sees(opportunities=WON)
    for state in ("true", "true", "false", "false", "false", "true"):
        sales.crm.deals["006A"] |= {"IsWon": state, "Amount": f"{sales.turn}.00"}
        sales.turn += 1
        sales.look_now()
    with psycopg.connect(sales.url) as connection:
        states = connection.execute("SELECT is_won FROM delivery.deal_states ORDER BY looked_at").fetchall()
    assert states == [(True,), (False,), (True,)]


def test_a_deal_that_went_back_to_what_had_landed_is_ordered_as_it_is(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.crm.deals["006A"]["Amount"] = "1500.00"
    sales.look_now()
    sales.sees(opportunities=WON)
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["1200.00"]


def test_a_deal_that_was_looked_at_meanwhile_is_decided_as_it_is_now(sales: Sales) -> None:
    sales.sees(opportunities=WON, accounts="001A Acme - SG")
    sales.crm.deals["006A"]["Amount"] = "1500.00"
    with ThreadPoolExecutor() as pool:
        with sales.store.transaction() as tx:
            sales.look(tx)
            follower = pool.submit(sales.decide)
            somebody_waits(sales.url)
            decide_deals(tx, POLICY, BILLING, today=sales.today, opportunities=["006A"])
        assert follower.result(timeout=30) == {}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["1500.00"]


def test_a_look_between_two_pages_that_land_together_is_older_than_the_later_one(sales: Sales) -> None:
    still_open = WON.replace("Won true true", "Open false false")
    sales.sees(opportunities=still_open)
    sales.pulls(opportunities=still_open.replace("1200", "1300"))
    sales.look_now()
    source = sales.pulls(opportunities=WON)
    land_records(source, sales.store, entity="opportunities")
    assert sales.decide() == {"order": 1}


def test_a_look_after_the_page_that_states_a_deal_is_newer_though_another_page_landed_with_it(
    sales: Sales,
) -> None:
    sales.pulls(opportunities=WON)
    sales.crm.deals["006A"] |= {"StageName": "Open", "IsWon": "false", "IsClosed": "false"}
    sales.look_now()
    source = sales.pulls(opportunities=WON.replace("006A", "006B"))
    land_records(source, sales.store, entity="opportunities")
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["opportunity_id"] for effect in sales.erp.effects] == ["006B"]


def test_looking_again_and_again_decides_nothing_twice(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    for _ in range(3):
        sales.decide()
        sales.deliver()
    assert sales.reached(sales.erp) == ["order", "invoice"]
    assert sales.decide() == {}


def let_go(sales: Sales) -> Counter[str]:
    wanted = Wanted(subject="opportunities/006A")
    number, _ = ask_replay(
        sales.store, wanted, By("ann", "the customer's board agreed"), lives=LIVES, hourly=9
    )
    return approve_replay(sales.store, number, By("ben", "seen the contract"), Most(9, 9))


def test_an_order_over_the_limit_leaves_when_one_asks_for_it_and_another_approves(sales: Sales) -> None:
    sales.sees(opportunities=WON.replace("1200.00", "1000000.01"))
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == []
    [row] = parked(sales.store, Wanted(subject="opportunities/006A"), POLICY)
    assert (row["reason"], row["detail"]) == (
        "OVER_LIMIT",
        "1,000,000.01 SGD is over 1,000,000: one asks, another approves",
    )
    with pytest.raises(Rejected, match="over the limit of amounts"):
        replay(sales.store, Wanted(subject="opportunities/006A"), By("ann", "go"), Most(9, 9))
    assert sales.decide() == {}
    assert let_go(sales) == {"replayed": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["order"]


@pytest.mark.parametrize(("amount", "currency"), [("1000000.00", "SGD"), ("750000.00", "USD")])
def test_an_order_of_the_limit_leaves_by_itself(sales: Sales, amount: str, currency: str) -> None:
    sales.sees(opportunities=WON.replace("1200.00 SGD", f"{amount} {currency}"))
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["order"]


def test_an_order_of_a_currency_without_a_limit_takes_two(sales: Sales) -> None:
    sales.sees(opportunities=WON.replace("1200.00 SGD", "12.00 CHF"))
    sales.decide()
    sales.deliver()
    assert sales.reached(sales.erp) == []


def test_an_order_over_the_limit_whose_deal_grew_after_it_was_let_go_takes_two_again(sales: Sales) -> None:
    sales.sees(opportunities=WON.replace("1200.00", "2000000.00"))
    sales.decide()
    let_go(sales)
    sales.crm.deals["006A"]["Amount"] = "9000000.00"
    assert sales.deliver()["stale"] == 1
    sales.look_now()
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == []
    assert let_go(sales) == {"replayed": 1}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["9000000.00"]


def test_an_order_over_the_limit_whose_deal_shrank_leaves_by_itself(sales: Sales) -> None:
    sales.sees(opportunities=WON.replace("1200.00", "2000000.00"))
    sales.decide()
    sales.sees(opportunities=WON)
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["1200.00"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE delivery.outbox SET state = 'uncertain', reason = NULL, finished_at = NULL",
        "UPDATE delivery.outbox SET reason = 'HELD_BACK'",
    ],
)
def test_the_database_lets_no_order_over_the_limit_go_without_two(sales: Sales, sql: str) -> None:
    sales.sees(opportunities=WON.replace("1200.00", "2000000.00"))
    sales.decide()
    ask_replay(sales.store, Wanted(subject="opportunities/006A"), By("ann", "go"), lives=LIVES, hourly=9)
    with (
        psycopg.connect(sales.url) as connection,
        pytest.raises(
            psycopg.errors.CheckViolation, match="one person asks for it to be sent, and another approves"
        ),
    ):
        connection.execute(sql)


def test_what_is_open_or_lost_gets_nothing(sales: Sales) -> None:
    sales.sees(
        opportunities="006A Open false false 10.00 SGD 2026-03-02 - 001A\n006B Lost true false 1.00 SGD - - 001A"
    )
    assert sales.decide() == {}


def test_a_deal_that_may_not_be_ordered_is_its_owners_task_and_no_invoice(sales: Sales) -> None:
    sales.sees(opportunities="006A Won true true 1200.00 SGD 2026-03-02 - 001A 25 rep 12")
    assert sales.decide() == {"task": 1}
    assert sales.decide() == {}
    sales.deliver()
    assert sales.reached(sales.erp) == []
    assert sales.salesforce.effects[0].body["failed"] == "discount"
    assert sales.failed() == {"discount"}


def test_a_deal_of_an_account_nobody_linked_waits(sales: Sales) -> None:
    sales.sees(opportunities=WON.replace("001A", "001Z"))
    sales.decide()
    assert sales.failed() == {"account", "tax"}


def test_a_deal_of_an_account_that_two_customers_name_waits_for_a_word_which_it_is(sales: Sales) -> None:
    sales.sees(customers="C1 Acme - SG - 001A\nC2 Acme_too - SG - 001A")
    sales.sees(opportunities=WON)
    assert sales.decide() == {"task": 1}
    assert sales.failed() == {"account"}


def test_a_customer_may_name_its_account_by_the_short_id(sales: Sales) -> None:
    account = "001D000000IqhSLIAZ"
    sales.sees(accounts=f"{account} Acme - SG", customers=f"C1 Acme - SG - {account[:15]}")
    sales.sees(opportunities=WON.replace("001A", account))
    assert sales.decide() == {"order": 1}


SOLD_BY_BOOK = {"opportunities": f"{WON} - - - B1", "price_books": "B1 New true"}


@pytest.mark.parametrize("amount", ["1200.00", "2000000.00"], ids=["queued", "over the limit"])
@pytest.mark.parametrize(
    ("failed", "now", "mended"),
    [
        ("price_book", {"price_books": "B1 New false"}, {"price_books": "B1 Newer true"}),
        ("account", {"customers": "C1 Acme - SG - 001Z"}, {"customers": "C1 Acme - SG - 001A"}),
    ],
    ids=["its price book is inactive", "its account is not linked"],
)
def test_an_order_whose_deal_fails_the_gate_before_it_left_does_not_leave_until_it_passes_again(
    sales: Sales, amount: str, failed: str, now: dict[str, str], mended: dict[str, str]
) -> None:
    large = amount != "1200.00"
    sales.sees(**{name: text.replace("1200.00", amount) for name, text in SOLD_BY_BOOK.items()})
    assert sales.decide() == {"order": 1}
    sales.sees(**now)
    assert sales.decide() == {"task": 1}
    assert sales.failed() == {failed}
    with pytest.raises(Rejected, match="no parked message fits"):
        let_go(sales)
    sales.deliver()
    assert sales.reached(sales.erp) == []
    sales.sees(**mended)
    assert sales.decide() == {"order": 1}
    if large:
        sales.deliver()
        assert sales.reached(sales.erp) == []
        let_go(sales)
    for _ in range(2):
        sales.deliver()
        sales.decide()
    assert sales.reached(sales.erp).count("order") == 1


def test_who_comes_late_has_no_deal_decided_again_and_whoever_has_its_order_does(sales: Sales) -> None:
    class Late(Around):
        """Says that the deal has changed, when another has the order by now."""

        def send(self, messages: Sequence[Message]) -> dict[str, Outcome]:
            with psycopg.connect(sales.url) as connection:
                connection.execute("UPDATE delivery.outbox SET fence = fence + 1, leased_until = now()")
            return {one.key: Outcome(result="stale") for one in messages}

    sales.sees(opportunities=WON)
    sales.decide()
    assert deliver_outbox(sales.store, Late(sales.erp), pace=POLICY.delivery.pace, rounds=1) == {"late": 1}
    assert sales.hints() == []
    sales.crm.deals["006A"]["Amount"] = "900.00"
    assert sales.deliver()["stale"] == 1
    assert sales.hints() == ["006A"]


@pytest.mark.parametrize(("called", "state"), [(True, "confirmed"), (False, "parked")])
def test_an_order_whose_key_the_erp_knows_over_something_else_arrived_late_or_is_a_fault_of_ours(
    sales: Sales, *, called: bool, state: str
) -> None:
    def knows_another(_peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        known = Outcome(result="rejected", remote_id="S1", reason="KEY_PAYLOAD_MISMATCH")
        return {one.key: known for one in messages}

    sales.sees(opportunities=WON)
    assert sales.decide() == {"order": 1}
    if called:  # and stood still before it left: its deal changes, it is decided anew, and then it arrives
        sales.crm.deals["006A"]["Amount"] = "900.00"
        assert sales.deliver() == {"stale": 1}
    sales.sees(opportunities=WON.replace("1200.00", "900.00"))
    assert sales.decide() == {"order": 1}
    assert sales.deliver(knows_another) == {"found" if called else "rejected": 1}
    assert sales.decide() == ({"reference": 1} if called else {}), "its invoice waits until it was read"
    with psycopg.connect(sales.url) as connection:
        found = connection.execute(
            "SELECT state FROM delivery.outbox WHERE kind = 'order' ORDER BY message_id DESC"
        ).fetchone()
    assert found == (state,)


def test_a_deal_that_changes_while_its_lines_are_looked_at_is_not_ordered_as_it_was(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales.sees(opportunities=WON)
    sales.decide()

    def changes_meanwhile(*_: Any, **__: Any) -> list[RawRecord]:
        sales.crm.deals["006A"]["Amount"] = "900.00"
        return []

    monkeypatch.setattr(sales.crm, "look_at_parts", changes_meanwhile)
    assert sales.deliver()["stale"] == 1
    assert sales.reached(sales.erp) == []


def test_a_deal_that_changes_while_another_is_ordered_is_not_ordered_as_it_was(sales: Sales) -> None:
    sales.sees(opportunities=f"{WON}\n{WON.replace('006A', '006B')}")
    assert sales.decide() == {"order": 2}

    def takes_its_time(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        for deal in sales.crm.deals.values():
            deal["Amount"] = "900.00"
        return peer.do(messages)

    assert sales.deliver(takes_its_time) == {"confirmed": 1, "stale": 1}
    assert sales.reached(sales.erp) == ["order"]


INACTIVE = {"price_books": "B1 New false"}


def test_an_order_whose_deal_fails_the_gate_only_after_the_last_decision_does_not_leave(sales: Sales) -> None:
    sales.sees(**SOLD_BY_BOOK)
    sales.decide()
    sales.sees(**INACTIVE)
    assert sales.deliver() == {"stale": 1}
    assert sales.reached(sales.erp) == []
    assert sales.hints() == ["006A"]
    assert sales.decide() == {"task": 1}


def test_an_order_two_people_let_go_does_not_leave_where_its_deal_fails_the_gate_since(sales: Sales) -> None:
    sales.sees(**{name: text.replace("1200.00", "2000000.00") for name, text in SOLD_BY_BOOK.items()})
    sales.decide()
    let_go(sales)
    sales.sees(**INACTIVE)
    assert sales.deliver() == {"stale": 1}
    assert sales.reached(sales.erp) == []


@pytest.mark.parametrize("placed", [False, True], ids=["it was never placed", "it was placed"])
def test_an_order_in_doubt_whose_deal_fails_the_gate_since_is_looked_for_and_not_sent_again(
    sales: Sales, *, placed: bool
) -> None:
    sales.sees(**SOLD_BY_BOOK)
    sales.decide()
    sales.deliver(answer_lost if placed else lost_before)
    sales.sees(**INACTIVE)
    assert sales.decide() == {"task": 1}
    make_due(sales.url)
    assert sales.deliver() == ({"found": 1, "confirmed": 1} if placed else {"stale": 1, "confirmed": 1})
    assert sales.reached(sales.erp) == (["order"] if placed else [])


def make_due(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now() WHERE state = 'uncertain'")


def test_an_order_that_was_held_back_stays_held_while_its_deal_fails_the_gate(sales: Sales) -> None:
    sales.sees(**SOLD_BY_BOOK)
    sales.decide()
    with psycopg.connect(sales.url) as connection:
        [number] = connection.execute("SELECT message_id FROM delivery.outbox").fetchall()
    assert hold(sales.store, number, By("ann", "the customer asked to wait")) == 1
    for book in ("B1 New false", "B1 New true"):
        sales.sees(price_books=book)
        sales.decide()
        sales.deliver()
    assert [row["reason"] for row in parked(sales.store, Wanted(subject="opportunities/006A"), POLICY)] == [
        "HELD_BACK"
    ]
    assert sales.reached(sales.erp) == []


def test_a_deal_that_was_mended_is_ordered(sales: Sales) -> None:
    sales.sees(opportunities="006A Won true true 1200.00 SGD 2026-03-02 - 001A 25 rep 12")
    sales.decide()
    sales.sees(opportunities="006A Won true true 1200.00 SGD 2026-03-02 - 001A 25 director 12")
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.reached(sales.salesforce) == [], "nobody was told yet, and there is nothing to tell any more"


def test_an_edit_between_decision_and_write_is_decided_again(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.crm.deals["006A"]["Amount"] = "1500.00"  # edited, and not pulled yet
    assert sales.deliver() == {"stale": 1}
    assert sales.reached(sales.erp) == []
    assert sales.hints() == ["006A"], "somebody looks at it soon, whether or not it is read again"
    sales.look_now()
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["1500.00"]


@pytest.mark.parametrize(
    "edited",
    [
        [_line("00kA", "900.00"), _line("00kC", "300.00")],
        [_line("00kA", "800.00"), _line("00kB", "400.00")],
        [_line("00kA", "900.00") | {"ProductCode": "Silver"}, _line("00kB", "300.00")],
        [],
    ],
    ids=["another line", "other prices", "another product", "no lines"],
)
def test_lines_edited_between_decision_and_write_are_decided_again_though_the_deal_says_the_same(
    sales: Sales, edited: list[dict[str, str]]
) -> None:
    sales.sees(opportunities=WON)
    sales.crm.lines = {"006A": [_line("00kA", "900.00"), _line("00kB", "300.00")]}
    look_at_lines(sales.crm, sales.store, deal="006A")
    assert sales.decide() == {"order": 1}
    sales.crm.lines["006A"] = edited
    assert sales.deliver() == {"stale": 1}
    assert sales.reached(sales.erp) == []
    assert sales.hints() == ["006A"]
    look_at_lines(sales.crm, sales.store, deal="006A")
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["order"]


def test_an_edit_that_changes_no_word_of_the_order_keeps_it_from_nothing(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.sees(opportunities=f"{WON} - - agent")
    assert sales.decide() == {"revenue flags": 1, "order": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["order"]


def test_a_customer_that_changes_before_the_order_left_is_the_one_that_is_billed(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.sees(customers="C2 Acme - SG - 001A\nC1 Acme - SG - 001Z")
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["customer_id"] for effect in sales.erp.effects] == ["C2"]


@pytest.mark.parametrize("interval", ["", " quarter 2026-03-02"], ids=["at once", "by the quarter"])
def test_a_deal_that_is_reopened_before_its_invoice_left_is_not_invoiced_until_it_is_won_again(
    sales: Sales, interval: str
) -> None:
    sales.sees(opportunities=WON + interval)
    sales.decide()
    sales.deliver()
    sales.decide()
    sales.crm.deals["006A"] |= {"IsWon": "false", "IsClosed": "false"}
    assert sales.deliver()["stale"] == 1
    sales.look_now()
    assert "invoice" not in sales.decide()
    sales.crm.deals["006A"] |= {"IsWon": "true", "IsClosed": "true"}
    sales.look_now()
    assert sales.decide()["invoice"] == 1
    sales.deliver()
    assert sales.reached(sales.erp) == ["order", "invoice"]


def test_an_edit_pulled_before_the_write_replaces_what_was_decided(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.sees(opportunities=WON.replace("1200.00", "1500.00"))
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert [effect.body["amount"] for effect in sales.erp.effects] == ["1500.00"]


def test_an_edit_after_the_write_changes_no_order(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.deliver()
    sales.sees(opportunities=WON.replace("1200.00", "1500.00"))
    assert "order" not in sales.decide()
    sales.deliver()
    assert sales.reached(sales.erp).count("order") == 1


def test_an_order_made_by_hand_meanwhile_is_taken_as_the_deals(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.sees(orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {"reference": 1, "invoice": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["invoice"]
    assert sales.salesforce.effects[0].body["order_id"] == "O7"


@pytest.mark.parametrize("of", ["ours", "by hand"])
def test_an_order_beside_the_one_that_was_invoiced_changes_nothing(sales: Sales, of: str) -> None:
    """Ids are texts: that of a later order may come first."""
    first = f"{'R0' if of == 'ours' else 'R7'} SO-1 C1 2026-03-02 SGD 1200.00 confirmed 006A"
    sales.sees(opportunities=WON, **({} if of == "ours" else {"orders": first}))
    for _ in range(2):
        sales.decide()
        sales.deliver()
    assert sales.reached(sales.erp)[-1] == "invoice"
    sales.sees(orders=f"{first}\nR-10 SO-9 C1 2026-03-09 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {}, "nobody has read the invoice yet"
    sales.sees(invoices=f"I1 INV-1 C1 2026-03-02 2026-04-01 SGD 1308.00 posted {first.split(maxsplit=1)[0]}")
    assert sales.decide() == {}


def test_of_two_orders_made_by_hand_the_one_that_the_deal_names_is_its_own(sales: Sales) -> None:
    two = [f"{one} SO-{one} C1 2026-03-02 SGD 1200.00 confirmed 006A" for one in ("O10", "O7")]
    sales.sees(opportunities=WON.replace(" - 001A", " O7 001A"), orders="\n".join(two))
    assert sales.decide() == {"invoice": 1}
    sales.deliver()
    assert [effect.body["order_id"] for effect in sales.erp.effects] == ["O7"]


@pytest.mark.parametrize(
    ("by_order", "by_deal"), [("006D000000IqhSLIAZ", "-"), ("006D000000IqhSL", "-"), ("-", "O7")]
)
def test_a_deal_has_its_order_whichever_of_the_two_names_the_other(
    sales: Sales, by_order: str, by_deal: str
) -> None:
    deal = WON.replace("006A", "006D000000IqhSLIAZ").replace(" - 001A", f" {by_deal} 001A")
    sales.sees(opportunities=deal, orders=f"O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed {by_order}")
    assert sales.decide() == ({"invoice": 1} if by_deal == "O7" else {"reference": 1, "invoice": 1})


def test_an_order_read_before_it_was_confirmed_is_not_invoiced_until_it_is(sales: Sales) -> None:
    quotation = "R0 SO-1 C1 2026-03-02 SGD 1200.00 quotation 006A"
    sales.sees(opportunities=WON)
    sales.decide()
    sales.deliver(answer_lost)
    sales.sees(orders=quotation)
    assert sales.decide() == {}, "it is still being placed"
    with psycopg.connect(sales.url, autocommit=True) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now()")
    assert sales.deliver() == {"found": 1}
    assert sales.decide() == {"reference": 1, "invoice": 1}, "confirmed, though it was read as a quotation"
    sales.deliver()
    sales.sees(orders=quotation.replace("quotation", "processing"))
    assert sales.decide() == {}
    assert sales.reached(sales.erp) == ["order", "invoice"]


def test_a_quotation_made_by_hand_is_no_order_of_the_deals(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.sees(orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 quotation 006A")
    assert sales.decide() == {"order": 1}


def test_a_deal_reopened_and_won_again_keeps_the_order_that_stands(sales: Sales) -> None:
    for stage in (WON, WON.replace("Won true true", "Open false false"), WON):
        sales.sees(opportunities=stage)
        sales.decide()
        sales.deliver()
        sales.sees(orders="R0 SO-1 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.reached(sales.erp).count("order") == 1


@pytest.mark.parametrize(
    ("amount", "follows"),
    [("1200.00", {"reference": 1, "invoice": 1}), ("900.00", {"reference": 1})],
    ids=["as it was", "otherwise"],
)
def test_a_deal_won_again_while_its_order_was_in_doubt_has_that_order_if_it_is_the_same(
    sales: Sales, amount: str, follows: Mapping[str, int]
) -> None:
    def stands(_peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        return {one.key: Outcome(result="found", remote_id="R0") for one in messages}

    sales.sees(opportunities=WON)
    sales.decide()
    assert sales.deliver(answer_lost) == {"uncertain": 1}
    for won in ("false", "true"):
        sales.crm.deals["006A"] |= {"IsWon": won, "IsClosed": won, "Amount": amount}
        sales.look_now()
        sales.decide()
    with psycopg.connect(sales.url, autocommit=True) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now()")
    assert sales.deliver(stands) == {"found": 2}
    assert sales.decide() == follows, "of what differs the owner is told before it is invoiced"


def test_a_deal_won_again_after_its_order_was_cancelled_has_a_new_one(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.deliver()
    sales.sees(
        opportunities=WON.replace("Won true true", "Open false false"),
        orders="R0 SO-1 C1 2026-03-02 SGD 1200.00 cancelled 006A",
    )
    assert sales.decide() == {}
    sales.sees(opportunities=WON)
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert len({effect.key for effect in sales.erp.effects if effect.kind == "order"}) == 2


def test_a_deal_reopened_and_won_again_between_two_reads_was_won_twice(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    sales.deliver()
    sales.crm.deals["006A"] |= {"IsWon": "false", "IsClosed": "false"}
    sales.look_now()
    sales.sees(orders="R0 SO-1 C1 2026-03-02 SGD 1200.00 cancelled 006A")
    sales.crm.deals["006A"] |= {"IsWon": "true", "IsClosed": "true"}
    sales.look_now()
    assert sales.decide()["order"] == 1
    sales.deliver()
    sales.sees(opportunities=f"{WON} - - agent")
    assert "order" not in sales.decide(), "read, it was won no third time"
    assert len({effect.key for effect in sales.erp.effects if effect.kind == "order"}) == 2


BY_QUARTER = f"{WON} quarter 2026-03-02"


def test_a_deal_billed_by_the_quarter_has_an_invoice_for_each_on_its_day(sales: Sales) -> None:
    sales.sees(opportunities=BY_QUARTER)
    sales.decide()
    sales.deliver()
    assert [line["amount"] for line in sales.erp.effects[0].body["schedule"]] == ["300.00"] * 4
    assert sales.decide() == {"reference": 1, "schedule": 1, "invoice": 1}
    assert sales.decide() == {}
    sales.today = date(2026, 6, 1)
    assert sales.decide() == {}
    sales.today = date(2026, 9, 2)
    assert sales.decide() == {"invoice": 2}, "also the one of a day nobody looked on"
    sales.deliver()
    assert sales.billed() == [("2026-03-02", "300.00"), ("2026-06-02", "300.00"), ("2026-09-02", "300.00")]
    assert len({effect.key for effect in sales.erp.effects}) == 4


def test_a_schedule_that_begins_later_waits_for_its_first_day(sales: Sales) -> None:
    sales.sees(opportunities=f"{WON} year 2026-04-01")
    for _ in range(3):
        sales.decide()
        sales.deliver()
    assert sales.reached(sales.erp) == ["order"]
    sales.today = date(2026, 4, 1)
    assert sales.decide() == {"invoice": 1}


def test_an_edit_after_the_order_changes_no_schedule(sales: Sales) -> None:
    sales.sees(opportunities=BY_QUARTER)
    sales.decide()
    sales.deliver()
    sales.sees(opportunities=BY_QUARTER.replace("1200.00", "2400.00").replace("quarter", "month"))
    sales.today = date(2026, 6, 2)
    sales.decide()
    sales.deliver()
    assert sales.billed() == [("2026-03-02", "300.00"), ("2026-06-02", "300.00")]


def test_a_deal_that_is_won_and_has_not_landed_yet_is_billed_by_its_schedule_until_it_is_reopened(
    sales: Sales,
) -> None:
    sales.sees(opportunities=WON.replace("Won true true", "Open false false"))
    won = sales.draw(folder="won", opportunities=BY_QUARTER)
    [page] = [Live(won).fetch_page("opportunities", None)]
    sales.crm.deals = {record.native_id: dict(record.payload) for record in page.records}
    with sales.store.transaction() as tx:
        sales.look(tx)
    assert sales.decide() == {"order": 1}
    sales.deliver()
    assert sales.decide() == {"reference": 1, "schedule": 1, "invoice": 1}
    sales.crm.deals["006A"] |= {"IsWon": "false", "IsClosed": "false"}
    with sales.store.transaction() as tx:
        sales.look(tx)
    sales.today = date(2026, 6, 2)
    assert sales.decide() == {}


@pytest.mark.parametrize("ended", ["cancelled", "reopened"])
def test_what_is_cancelled_or_reopened_is_billed_no_further(sales: Sales, ended: str) -> None:
    sales.sees(opportunities=BY_QUARTER)
    for _ in range(2):
        sales.decide()
        sales.deliver()
    reopened = BY_QUARTER.replace("Won true true", "Open false false")
    state = "cancelled" if ended == "cancelled" else "confirmed"
    sales.sees(
        opportunities=BY_QUARTER if ended == "cancelled" else reopened,
        orders=f"R0 SO-1 C1 2026-03-02 SGD 1200.00 {state} 006A",
    )
    sales.today = date(2026, 12, 31)
    assert "invoice" not in sales.decide()


def test_an_order_found_there_is_invoiced_as_it_stands_and_not_by_our_schedule(sales: Sales) -> None:
    sales.sees(opportunities=BY_QUARTER)
    sales.decide()
    sales.deliver(lambda _, told: {told[0].key: Outcome(result="found", remote_id="O7")})
    assert sales.decide() == {"reference": 1}, "nobody has read yet for whom it is"
    sales.sees(orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {"invoice": 1}
    sales.deliver()
    assert "line" not in sales.erp.effects[-1].body


@pytest.mark.parametrize(
    "order", ["C2 2026-03-02 SGD 1200.00", "C1 2026-03-02 USD 1200.00", "C1 2026-03-02 SGD 1000.00"]
)
@pytest.mark.parametrize("found", [True, False])
def test_an_order_made_by_hand_for_somebody_else_or_another_amount_is_its_owners_task_and_not_invoiced(
    sales: Sales, order: str, *, found: bool
) -> None:
    sales.sees(opportunities=WON, customers="C1 Acme - SG - 001A\nC2 Zeta - SG - 001B")
    if found:
        sales.decide()
        sales.deliver(lambda _, told: {told[0].key: Outcome(result="found", remote_id="O7")})
    sales.sees(orders=f"O7 SO-7 {order} confirmed 006A")
    assert sales.decide() == {"reference": 1, "task": 1}
    assert sales.failed() == {"order"}
    sales.sees(orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {"invoice": 1}


def test_an_order_made_by_hand_that_is_edited_before_its_invoice_left_is_not_invoiced(sales: Sales) -> None:
    by_hand = "O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A"
    sales.sees(opportunities=WON, orders=by_hand)
    assert sales.decide() == {"reference": 1, "invoice": 1}
    sales.sees(orders=by_hand.replace("1200.00", "1000.00"))
    assert sales.deliver()["stale"] == 1
    assert sales.hints() == ["006A"], "somebody looks again"
    assert sales.decide() == {"task": 1}
    sales.sees(orders=by_hand)
    assert sales.decide() == {"invoice": 1}
    sales.deliver()
    assert sales.reached(sales.erp) == ["invoice"]


def test_an_order_made_by_hand_of_a_deal_that_fails_the_gate_is_not_invoiced(sales: Sales) -> None:
    unapproved = "006A Won true true 1200.00 SGD 2026-03-02 - 001A 25 rep 12"
    sales.sees(opportunities=unapproved, orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {"reference": 1, "task": 1}
    assert sales.decide() == {}
    sales.sees(opportunities=unapproved.replace("rep", "director").replace(" - ", " O7 "))
    assert sales.decide() == {"invoice": 1}


def test_an_order_made_by_hand_after_a_refusal_is_another_state_of_things(
    sales: Sales, database_url: str
) -> None:
    unapproved = "006A Won true true 1200.00 SGD 2026-03-02 - 001A 25 rep 12"
    sales.sees(opportunities=unapproved)
    assert sales.decide() == {"task": 1}
    sales.sees(orders="O7 SO-7 C1 2026-03-02 SGD 1200.00 confirmed 006A")
    assert sales.decide() == {"reference": 1, "task": 1}, "the task nobody has read yet says so"
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT FROM delivery.key_conflicts").fetchall() == []


def test_what_revenue_recognition_must_look_at_is_told_and_taken_back(sales: Sales) -> None:
    sales.sees(opportunities=f"{WON} - - agent;side_letter")
    assert sales.decide() == {"revenue flags": 1, "task": 1}
    assert sales.decide() == {}
    sales.sees(opportunities=f"{WON} - - agent")
    assert sales.decide() == {"revenue flags": 1, "order": 1}
    sales.sees(opportunities=WON)
    assert sales.decide() == {"revenue flags": 1, "order": 1}, "anew, based on the deal as it is by now"
    sales.deliver()
    told = [effect.body["flags"] for effect in sales.salesforce.effects if effect.kind == "revenue_flags"]
    assert told == [""], "only the newest"


def test_lines_and_price_book_are_held_against_the_deal(sales: Sales) -> None:
    sales.sees(
        opportunities=f"{WON} - - - B1", price_books="B1 Old false", deal_lines="L1 006A 2 600 1199.99 SGD"
    )
    assert sales.decide() == {"task": 1}
    assert sales.failed() == {"price_book", "lines"}
    sales.deliver()
    assert "lines: the lines come to" in sales.salesforce.effects[0].body["proof"]
    sales.sees(price_books="B1 New true", deal_lines="L1 006A 2 600 1199.99 SGD\nL2 006A 1 - 0.01 SGD")
    assert sales.decide() == {"revenue flags": 1, "order": 1}, "though the deal itself did not change"
    with psycopg.connect(sales.url) as connection:
        query = "SELECT verdict FROM delivery.gate_checks WHERE name = 'lines' ORDER BY checked_at"
        assert connection.execute(query).fetchall() == [("failed",), ("passed",)]


def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(sales: Sales) -> None:
    sales.sees(opportunities=WON)
    sales.decide()
    assert sales.deliver(answer_lost) == {"uncertain": 1}
    assert sales.decide() == {}
    with psycopg.connect(sales.url, autocommit=True) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now()")
    assert sales.deliver() == {"found": 1}
    assert sales.reached(sales.erp) == ["order"]
    assert sales.decide() == {"reference": 1, "invoice": 1}
