"""Reading an ERP: nothing is lost, doubled or taken for deleted; the same for the twin and a real Tryton."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from include.connectors.tryton import source as reading
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.local.erp import RunningErp
from include.local.secrets import load_secrets
from include.ports import Fatal, RawRecord
from include.store.postgres import PostgresStore
from tests.contract.erp.conftest import Erp
from tests.contract.erp.selling import (
    TODAY,
    credited,
    customer,
    day,
    invoiced,
    latest,
    line,
    money,
    order,
    paid,
)

Read = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("at_once")


def keys(records: list[RawRecord]) -> set[tuple[str, str]]:
    return {(record.native_id, record.version) for record in records}


def rows(source: TrytonSource, entity: str, records: list[RawRecord]) -> dict[str, Any]:
    return {record.native_id: source.translate(entity, record.payload) for record in records}


def test_small_pages_skip_and_repeat_nothing(erp: Erp, read: Read):
    made = {customer(erp).native_id for _ in range(5)}
    source = erp.source(page_rows=2)
    records, cursor = read(source, "customers")
    assert made <= {record.native_id for record in records}
    assert len(records) == len(keys(records))
    assert source.totals("customers", after=None, until=cursor).keys == keys(records)


def test_rows_of_one_instant_are_paged_by_id(erp: Erp, read: Read):
    made = [int(customer(erp).native_id) for _ in range(5)]
    changed = erp.rpc("model.party.party.write", made, {"name": "Same"}, {}, session=erp.session())
    assert "error" not in changed.json()
    found = erp.rows("party.party", [["id", "in", made]], ["last_modified_at"])
    assert len({str(row["last_modified_at"]) for row in found}) == 1
    records, _ = read(erp.source(page_rows=2), "customers")
    assert {str(one) for one in made} <= {record.native_id for record in records}


def test_a_customer_that_was_never_changed_is_read(erp: Erp, read: Read):
    """write_date is null until the first change."""
    made = erp.ask("POST", "party.party", json={"name": "Plain", "code": "PLAIN-1"}).json()["id"]
    records, _ = read(erp.source(), "customers")
    assert str(made) in {record.native_id for record in records}


def test_only_what_changed_is_read_again(erp: Erp, read: Read, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "OVERLAP", timedelta(0))
    monkeypatch.setattr(reading, "SETTLE", timedelta(0))
    source = erp.source()
    _, cursor = read(source, "orders")
    sold = erp.ledger().order(order(erp))
    monkeypatch.setattr(reading, "SETTLE", timedelta(seconds=-2))
    records, _ = read(source, "orders", cursor)
    assert sold.native_id in {record.native_id for record in records}
    assert len(records) <= 2  # the order, and perhaps one of the same second


def test_a_draft_is_not_an_order_yet(erp: Erp, read: Read):
    party = int(customer(erp).native_id)
    currency = erp.rows("currency.currency", [["code", "=", "SGD"]])[0]["id"]
    draft = erp.ask("POST", "sale.sale", json={"party": party, "currency": currency}).json()["id"]
    records, _ = read(erp.source(), "orders")
    assert str(draft) not in {record.native_id for record in records}


def test_a_deactivated_customer_is_still_there(erp: Erp, read: Read):
    made = customer(erp)
    answer = erp.ask("PUT", f"party.party/{made.native_id}", json={"active": False})
    assert answer.status_code == 200
    records, _ = read(erp.source(), "customers")
    assert made.native_id in {record.native_id for record in records}


def test_a_deleted_customer_is_missing_from_the_full_listing(erp: Erp, read: Read):
    made = customer(erp)
    source = erp.source()
    _, cursor = read(source, "customers")
    listed = source.totals("customers", after=None, until=cursor).keys
    assert made.native_id in {native_id for native_id, _ in listed}
    assert erp.ask("DELETE", f"party.party/{made.native_id}").status_code == 204
    left = source.totals("customers", after=None, until=cursor).keys
    assert {native_id for native_id, _ in listed} - {native_id for native_id, _ in left} == {made.native_id}


def test_a_changed_part_shows_the_customer_again(erp: Erp, read: Read):
    made = erp.ask("POST", "party.party", json={"name": "Parts"}).json()["id"]
    source = erp.source()
    before, _ = read(source, "customers")
    contact = {"party": made, "type": "email", "value": "new@acme.example"}
    added = erp.ask("POST", "party.contact_mechanism", json=contact).json()["id"]
    after, _ = read(source, "customers")
    assert erp.ask("DELETE", f"party.contact_mechanism/{added}").status_code == 204
    later, _ = read(source, "customers")
    walks = (before, after, later)
    assert len({one.version for found in walks for one in found if one.native_id == str(made)}) == 3
    shown = [rows(source, "customers", found)[str(made)]["email"] for found in walks]
    assert shown == [None, "new@acme.example", None]


def test_a_customer_is_read_with_its_crm_account(erp: Erp, read: Read):
    made = customer(erp, crm_account="001-read", name="Read Me Pte Ltd")
    source = erp.source()
    row = rows(source, "customers", read(source, "customers")[0])[made.native_id]
    assert (row["crm_account_id"], row["name"]) == ("001-read", "Read Me Pte Ltd")


def test_an_invoice_is_read_to_the_cent_with_its_order_and_due_date(erp: Erp, read: Read):
    new = order(erp)
    sold = erp.ledger().order(new)
    on = latest(erp)
    [invoice] = erp.ledger().invoice(sold.native_id, issued_on=on)
    source = erp.source()
    row = rows(source, "invoices", read(source, "invoices")[0])[invoice.native_id]
    assert row["due_date"] is not None
    assert dict(row) == {
        "id": invoice.native_id,
        "number": invoice.number,
        "customer_id": new.customer_id,
        "order_id": sold.native_id,
        "issue_date": on.isoformat(),
        "due_date": row["due_date"],
        "currency": "SGD",
        "net": "200.10",
        "tax": "18.01",
        "gross": "218.11",
        "status": "posted",
        "disputed": "false",
        "promised_until": None,
        "open": "218.11",
    }
    bought = rows(source, "orders", read(source, "orders")[0])[sold.native_id]
    assert (bought["amount"], bought["opportunity_id"]) == ("200.10", new.opportunity_id)


def test_a_credit_note_is_read_with_the_invoice_it_takes_back(erp: Erp, read: Read):
    invoice = invoiced(erp)
    note = credited(erp, invoice, "50.00")
    source = erp.source()
    row = rows(source, "credit_notes", read(source, "credit_notes")[0])[note.native_id]
    assert (row["gross"], row["invoice_id"]) == ("54.50", invoice.native_id)
    assert note.native_id not in rows(source, "invoices", read(source, "invoices")[0])


def test_a_subscription_and_what_was_amended_are_read(erp: Erp, read: Read):
    party = int(customer(erp).native_id)
    monthly = erp.only("sale.subscription.recurrence.rule.set", [["name", "ilike", "month%"]], [])["id"]
    service = erp.rows("sale.subscription.service")[0]["id"]
    product = erp.only("product.product", [["code", "=", "PLAN"]], ["default_uom"])
    currency = erp.rows("currency.currency", [["code", "=", "USD"]])[0]["id"]
    address = erp.only("party.party", [["id", "=", party]], ["addresses"])["addresses"][0]
    term = {
        "service": service, "quantity": 3, "unit": product["default_uom"], "unit_price": money("10.50"),
        "consumption_recurrence": monthly, "start_date": day(TODAY),
    }  # fmt: skip
    values = {
        "party": party, "currency": currency, "start_date": day(TODAY), "invoice_recurrence": monthly,
        "invoice_address": address, "lines": [["create", [term]]],
    }  # fmt: skip
    made = erp.ask("POST", "sale.subscription", json=values, fields=["lines"]).json()
    press(erp, made["id"], "quote", "run", "draft")
    amended = [["write", made["lines"], {"quantity": 5}]]
    assert erp.ask("PUT", f"sale.subscription/{made['id']}", json={"lines": amended}).status_code == 200
    press(erp, made["id"], "quote", "run")
    source = erp.source()
    row = rows(source, "subscriptions", read(source, "subscriptions")[0])[str(made["id"])]
    assert (row["quantity"], row["unit_price"], row["interval"], row["currency"], row["status"]) == (
        *("5", "10.50", "month", "USD"),
        "running",
    )
    log = rows(source, "amendments", read(source, "amendments")[0]).values()
    mine = [one for one in log if one["subscription_id"] == str(made["id"])]
    assert [(one["sequence"], one["type"], Decimal(one["quantity"])) for one in mine] == [
        ("0", "new", Decimal(3)),
        ("1", "change", Decimal(5)),
    ]


def press(erp: Erp, subscription: int, *buttons: str) -> None:
    for button in buttons:
        answer = erp.ask("POST", f"sale.subscription/{subscription}/{button}", json={})
        assert answer.status_code == 200, answer.text


def test_a_field_the_erp_does_not_know_is_named(erp: Erp):
    client = TrytonClient(erp.address, key=erp.key)
    with pytest.raises(Fatal, match="no field colour"):
        client.search("party.party", domain=[], fields=["name", "colour"], order=["id"], size=1)


# --- all of it, through the flows into Postgres


def test_what_the_erp_holds_is_kept_proven_and_landed_to_the_cent(
    erp: Erp, store: PostgresStore, database_url: str
):
    domestic = invoiced(erp)
    foreign = invoiced(erp, currency="USD", lines=[line("1999.99", quantity=1, product="EXPORT")])
    yen = invoiced(erp, currency="JPY", lines=[line("12345", quantity=3, product="EXPORT")])
    credited(erp, domestic, "50.00")
    paid(erp, foreign, "1999.99")
    source = erp.source()
    for entity in source.entities:
        pulled = pull_changes(source, store, entity=entity)
        proof = check_completeness(source, store, entity=entity)
        landed = land_records(source, store, entity=entity)
        assert proof.proven, str(proof)
        assert (landed.good, landed.complaints) == (pulled.new, [])
    assert held(database_url, "invoices") == stated(erp, "invoice")
    assert held(database_url, "credit_notes") == {
        code: -total for code, total in stated(erp, "credit_note").items()
    }
    assert {"SGD", "USD", "JPY"} <= set(held(database_url, "invoices"))
    # JPY 37,035 has no minor unit; a paid invoice is known as paid.
    assert landed_invoice(database_url, yen.native_id) == ("JPY", 37035, "posted")
    assert landed_invoice(database_url, foreign.native_id) == ("USD", 199999, "paid")
    assert [pull_changes(source, store, entity=entity).new for entity in source.entities] == [0] * 6


def landed_invoice(url: str, native_id: str) -> tuple[str, int, str]:
    query = (
        "SELECT currency, gross_minor, status FROM canonical.invoices "
        "WHERE native_id = %s AND superseded_in IS NULL"
    )
    with psycopg.connect(url) as connection:
        [row] = connection.execute(query, (native_id,)).fetchall()
    return row


def stated(erp: Erp, kind: str) -> dict[str, Decimal]:
    """The ERP's own totals per currency, by a question of our own."""
    found: dict[str, Decimal] = {}
    for row in erp.rows(
        "account.invoice",
        [["sequence_type_cache", "=", kind], ["type", "=", "out"]],
        ["total_amount", "currency.code"],
    ):
        code = row["currency"]["code"]
        found[code] = found.get(code, Decimal(0)) + Decimal(row["total_amount"]["decimal"])
    return found


def held(url: str, table: str) -> dict[str, Decimal]:
    """What was landed, in major units."""
    query = f"SELECT currency, sum(gross_minor) FROM canonical.{table} WHERE superseded_in IS NULL GROUP BY currency"
    with psycopg.connect(url) as connection:
        sums = connection.execute(query).fetchall()
    return {code: Decimal(total) / (1 if code == "JPY" else 100) for code, total in sums}


# --- what only a real database does


@pytest.fixture
def real(erp: Erp, tryton: RunningErp) -> tuple[Erp, str]:
    """The real one, with the address of its database."""
    if erp.kind != "tryton":
        pytest.skip("only a real database commits late")
    name = erp.address.rpartition("/")[2]
    return erp, tryton.admin_url.rpartition("/")[0] + f"/{name}"


def test_a_row_that_commits_late_is_read_by_the_next_walk(real: tuple[Erp, str], read: Read):
    """Its stamp is the start of its transaction, before what was read already."""
    erp, url = real
    late = int(customer(erp).native_id)
    source = erp.source()
    with psycopg.connect(url) as slow:
        slow.execute("UPDATE party_party SET name = 'Late', write_date = now() WHERE id = %s", (late,))
        customer(erp)
        _, cursor = read(source, "customers")
        slow.commit()
    records, _ = read(source, "customers", cursor)
    assert rows(source, "customers", records)[str(late)]["name"] == "Late"


def test_a_merged_customer_is_left_out(real: tuple[Erp, str], read: Read):
    erp, url = real
    old, new = customer(erp), customer(erp)
    with psycopg.connect(url) as database:
        database.execute(
            "UPDATE party_party SET replaced_by = %s, active = false, write_date = now() WHERE id = %s",
            (int(new.native_id), int(old.native_id)),
        )
    records, _ = read(erp.source(), "customers")
    assert not {old.native_id} & {record.native_id for record in records}


def test_a_field_that_was_hidden_stops_the_reading(real: tuple[Erp, str], tryton: RunningErp, read: Read):
    """What the key's user may not read, Tryton leaves out without a word."""
    erp, _ = real
    admin = Erp(erp.kind, erp.address, erp.key, "admin", load_secrets(tryton.home).admin_password)
    session = admin.session()
    domain = [["model", "=", "sale.sale"], ["name", "=", "reference"]]
    [found] = admin.rpc("model.ir.model.field.search", domain, 0, None, None, {}, session=session).json()[
        "result"
    ]
    hidden = {"model": "sale.sale", "field": "reference", "perm_read": False, "perm_write": True}
    made = admin.rpc("model.ir.model.field.access.create", [hidden], {}, session=session).json()
    assert "error" not in made, (made, found)
    try:
        with pytest.raises(Fatal, match="leave out reference"):
            read(erp.source(), "orders")
    finally:
        admin.rpc("model.ir.model.field.access.delete", made["result"], {}, session=session)
