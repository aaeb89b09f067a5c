"""What a break's page says of each candidate is true of the reconciliation and the rule it comes from."""

import pytest

from include.flows.explain_break import Explained, explain_break
from include.flows.weigh_candidates import weigh_candidates
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.lives import Days


def test_each_candidate_says_what_kept_it_from_being_posted(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(
        opportunities="X Won true true 1200.00 SGD 2026-01-05 O",
        orders="O SO-1 C1 2026-01-06 SGD 1200.00 confirmed X",
        invoices="I INV-1 C2 2026-01-10 2026-02-09 SGD 1308.00 posted O 1200.00 108.00",
        payments="P - - SGD 109.00 2026-03-02 succeeded",
        payouts="PO-0001 SGD 109.00 2026-03-06 paid\nPO-0002 SGD 109.00 2026-03-13 paid\n"
        "PO-0003 SGD 120.00 2026-03-06 paid",
        payout_items="PO-0001 P charge SGD 109.00 0.00 109.00\nPO-0002 P charge SGD 109.00 0.00 109.00",
        bank_lines="B1 A 2026-03-06 SGD 100.00 PO-0003",
    )
    days.publish("2026-03-20")

    def why(code: str, key: str) -> dict[str, str]:
        [row] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = %s AND key = %s", code, key)
        found = weigh_candidates(explain_break(store, row["break_id"]), load_policy(), key=key, say=str)
        return {one["other"]: one["why"] for one in found}

    assert why("OR14", "I") == {"O": "the invoice bills C2, and the order is C1's"}
    assert why("PO03", "PO-0001") == {"P": "2 payouts hold it"}
    assert why("PO01", "PO-0003") == {"B1": "the line names it, and is 20.00 SGD less than it"}


def test_what_merely_has_the_same_id_stands_behind_no_break(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(
        orders="1 SO-1 C1 2026-01-06 SGD 1200.00 confirmed -",
        invoices="1 INV-1 C2 2026-01-10 2026-02-09 SGD 500.00 posted 1 500.00 0.00\n"
        "2 INV-2 C2 2026-01-10 2026-02-09 SGD 109.00 posted - 109.00 0.00",
        payments="1 - - SGD 77.00 2026-03-02 succeeded",
    )
    days.publish("2026-03-20")

    def behind(code: str) -> list[tuple[str, str]]:
        [row] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = %s AND key = '1'", code)
        return [(one.entity, one.native_id) for one in explain_break(store, row["break_id"]).records]

    assert behind("OR14")[0] == ("invoices", "1")
    assert ("orders", "1") in behind("OR14")  # which it bills, and so stands beside it
    assert ("payments", "1") not in behind("OR14")
    [unapplied] = days.rows("SELECT code FROM recon.break_lives WHERE key = '1' AND left(code, 2) = 'CA'")
    assert behind(unapplied["code"]) == [("payments", "1")]


def test_a_break_is_shown_with_what_its_evidence_names(
    store: PostgresStore, database_url: str, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(store, database_url, draw)
    days.load(
        invoices="1 INV-2026-0001 C1 2026-01-10 2026-02-09 SGD 109.00 paid\n"
        "2 INV-2026-0002 5 2026-01-10 2026-02-09 SGD 77.00 posted",
        payments="PAY-1 C1 INV-2026-0001 SGD 109.00 2026-02-01 succeeded\n"
        "PAY-2 C1 INV-2026-0001 SGD 109.00 2026-03-02 succeeded",
        refunds="RE-1 PAY-1 SGD 9.00 2026-03-05 succeeded",
        orders="7 SO-7 C1 2026-01-06 SGD 1200.00 confirmed X\n8 SO-8 C1 2026-01-06 SGD 1200.00 confirmed X",
        opportunities="X Won true true 1200.00 SGD 2026-01-05 7",
        bank_lines="B2 A 2026-03-02 SGD 109.00 INV-2026-0001",
        accounts="A Acme - SG 196800306E",
        customers="5 Acme - SG 196800306E\n6 Acme - SG 196800306E",
    )
    days.publish("2026-03-20")

    def explained(code: str, key: str) -> Explained:
        [row] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = %s AND key = %s", code, key)
        return explain_break(store, row["break_id"])

    def beside(code: str, key: str) -> list[tuple[str, str]]:
        own, *others = [(one.entity, one.native_id) for one in explained(code, key).records]
        assert own[1] == key
        return others

    assert beside("CA05", "PAY-2")[:2] == [("invoices", "1"), ("payments", "PAY-1")]
    assert beside("CA13", "RE-1") == [("payments", "PAY-1"), ("invoices", "1")]
    assert ("orders", "7") in beside("OR06", "8")
    assert beside("ID04", "6") == [("customers", "5")]
    monkeypatch.setattr("include.flows.explain_break.RELATED_MAX", 1)
    left = [one.native_id for one in explained("CA05", "PAY-2").unshown]
    assert left == ["B2"]  # which the page's list of matches has; the other payment stands in the evidence


def test_what_a_break_is_about_is_shown_however_many_documents_there_are(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    invoices = [
        f"I{month} INV-{month} C1 2026-{month:02}-10 2026-{month:02}-28 SGD 100.00 posted O 100.00 0.00"
        for month in range(1, 10)
    ]
    days.load(
        opportunities="X Won true true 1300.00 SGD 2026-01-05 O",
        orders="O SO-1 C1 2026-01-06 SGD 1200.00 confirmed X",
        invoices="\n".join(invoices),
    )
    days.publish("2026-10-20")
    assert beside(days, "OR03", "O")[0] == ("opportunities", "X")


def test_beside_an_order_stands_the_subscription_that_has_its_quantity_price_and_start(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    billed = "\n".join(
        f"I{month} INV-{month} C1 2026-{month:02}-01 2026-{month:02}-28 SGD 99.00 posted O 99.00 0.00"
        for month in range(1, 10)
    )
    days.load(
        opportunities="X Won true true 1300.00 SGD 2026-01-01 O",
        orders="O SO-1 C1 2026-01-01 SGD 1188.00 confirmed X",
        subscriptions="S C1 2026-01-01 2027-01-01 SGD 10 9.90 month active 2027-01-01 1188.00",
        invoices=billed,
    )
    days.publish("2026-09-20")
    assert beside(days, "OR03", "O")[:2] == [("opportunities", "X"), ("subscriptions", "S")]


def test_beside_money_that_may_go_back_stands_what_it_had_paid(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(
        invoices="1 INV-1 C1 2026-01-10 2026-02-09 SGD 109.00 paid\n2 INV-2 C2 2026-01-10 2026-02-09 SGD 77.00 paid",
        payments="PAY-1 C1 - SGD 109.00 2026-02-01 succeeded\nPAY-2 C2 INV-2 SGD 77.00 2026-02-01 succeeded\n"
        "PAY-3 C2 INV-2 SGD -77.00 2026-02-04 succeeded",
        disputes="D PAY-1 SGD 109.00 2026-03-05 open",
    )
    days.publish("2026-03-20")
    assert beside(days, "CA14", "D") == [("payments", "PAY-1"), ("invoices", "1")]
    assert beside(days, "CA18", "PAY-2") == [("payments", "PAY-3"), ("invoices", "2")]


def test_beside_a_subscription_stands_the_amendment_it_never_heard_of(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(
        subscriptions="S C1 2025-04-01 2026-04-01 SGD 2 49.50 month active 2026-04-01 1188.00",
        amendments="1 S 1 QTY 2025-09-01 5 -",
    )
    days.publish("2026-01-20")
    assert beside(days, "SU05", "S") == [("amendments", "1")]


def test_a_row_nobody_could_read_is_named_for_its_payload(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="PAY-1 C1 - SGD 1.0.9 2026-02-01 succeeded\nPAY-2 C1 - SGD 5.00 2026-02-01 puzzling")
    days.publish("2026-03-20")
    [unread] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = 'DQ01'")
    explained = explain_break(store, unread["break_id"])
    assert (explained.records, explained.received) == ([], ("payments", "PAY-1"))
    [unknown] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = 'DQ05'")
    explained = explain_break(store, unknown["break_id"])
    assert [(one.entity, one.native_id) for one in explained.records] == [("payments", "PAY-2")]


def beside(days: Days, code: str, key: str) -> list[tuple[str, str]]:
    """What stands beside a break's own record."""
    [row] = days.rows("SELECT break_id FROM recon.break_lives WHERE code = %s AND key = %s", code, key)
    own, *others = [(one.entity, one.native_id) for one in explain_break(days.store, row["break_id"]).records]
    assert own[1] == key
    return others
