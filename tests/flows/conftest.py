"""Worlds drawn as text, so that input and expectation share a screen."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from include.connectors.world.client import WorldSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import RunSummary, reconcile
from include.flows.render_results import render_results
from include.policy import load_policy
from include.ports import Cursor, Page, Source
from include.store.postgres import PostgresStore

OPPORTUNITIES = (
    "Id,StageName,IsClosed,IsWon,Amount,CurrencyIsoCode,CloseDate,ERP_Order_Id__c,AccountId,"
    "Discount_Percent__c,Approval_Level__c,Term_Months__c,Product__c,List_Price__c,Billing_Interval__c,Start_Date__c,"
    "Revenue_Flags__c,Pricebook2Id"
)

FILES = {
    "invoices": (
        "erp/invoices.csv",
        "id,number,customer_id,issue_date,due_date,currency,gross,status,order_id,net,tax,promised_until",
    ),
    "payments": (
        "payments/payments.csv",
        "id,customer_id,reference,currency,amount,paid_on,status,invoice_id",
    ),
    "paid": (
        "payments/payments.csv",
        "id,customer_id,reference,currency,amount,paid_on,status,payer_text,fee",
    ),
    "credit_notes": ("erp/credit_notes.csv", "id,number,customer_id,invoice_id,issue_date,currency,gross"),
    "refunds": ("payments/refunds.csv", "id,payment_id,currency,amount,created_on,status"),
    "attempts": (
        "payments/attempts.csv",
        "id,payment_id,invoice_id,attempt_no,outcome,decline_code,occurred_at,scheme,card,network_code,advice_code",
    ),
    "disputes": ("payments/disputes.csv", "id,payment_id,currency,amount,opened_on,status"),
    "payouts": ("payments/payouts.csv", "id,currency,net,arrival_date,status"),
    "payout_items": ("payments/payout_items.csv", "payout_id,payment_id,type,currency,gross,fee,net"),
    "bank_lines": ("bank/lines.csv", "id,account,value_date,currency,amount,reference,payer_text"),
    "accounts": (
        "salesforce/Account.csv",
        "Id,Name,Website,BillingCountryCode,TaxId__c,ERP_Customer_Id__c,ParentId,CurrencyIsoCode",
    ),
    "contacts": ("salesforce/Contact.csv", "Id,AccountId,Email"),
    "people": ("salesforce/Contact.csv", "Id,AccountId,FirstName,LastName,Email,Phone"),
    "won": ("salesforce/Opportunity.csv", "Id,AccountId,StageName,IsClosed,IsWon"),
    "customers": (
        "erp/customers.csv",
        "id,name,email,country,tax_id,crm_account_id,parent_id,currency,legal_hold",
    ),
    "opportunities": ("salesforce/Opportunity.csv", OPPORTUNITIES),
    "deal_lines": (
        "salesforce/OpportunityLineItem.csv",
        "Id,OpportunityId,Quantity,ListPrice,TotalPrice,CurrencyIsoCode",
    ),
    "price_books": ("salesforce/Pricebook2.csv", "Id,Name,IsActive"),
    "renewals": ("salesforce/Opportunity.csv", "Id,StageName,IsClosed,IsWon,Renewal_Key__c"),
    "deals": ("salesforce/Opportunity.csv", "Id,StageName,Amount,CurrencyIsoCode,ERP_Order_Id__c,AccountId"),
    "rates": ("fx/rates.csv", "date,from,to,rate,source"),
    "orders": (
        "erp/orders.csv",
        "id,number,customer_id,order_date,currency,amount,status,opportunity_id",
    ),
    "subscriptions": (
        "erp/subscriptions.csv",
        "id,customer_id,start_date,end_date,currency,quantity,unit_price,interval,status,renewal_date,arr",
    ),
    "amendments": (
        "erp/amendments.csv",
        "id,subscription_id,sequence,type,effective_date,quantity,unit_price",
    ),
}
"""What `draw` is told -> the file it writes and the columns its cells are for."""

ALWAYS = ("invoices", "payments")


class Live(WorldSource):
    """A system whose rows change: every file drawn is its newer state, and versions are contents.

    `stamp`: of a system in which a row may be touched and say the same.
    """

    states_once = False
    stamp = ""

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        page = super().fetch_page(entity, None)
        records = [replace(record, version=f"{record.payload}{self.stamp}") for record in page.records]
        turn = int(cursor["turn"]) + 1 if cursor else 1
        return Page(records=records, next_cursor={"turn": str(turn)}, has_more=False)


@dataclass(frozen=True)
class Results:
    """What a run gave, as the rows of its files."""

    run: RunSummary
    matches: list[dict[str, str]]
    breaks: list[dict[str, str]]
    totals: list[dict[str, str]]
    aging: list[dict[str, str]]
    arr: list[dict[str, str]]

    @property
    def posted(self) -> set[tuple[str, str, str]]:
        return {(m["rule"], m["side_a_id"], m["side_b_id"]) for m in self.matches if m["state"] == "posted"}

    @property
    def suggested(self) -> set[tuple[str, str]]:
        return {(m["side_a_id"], m["side_b_id"]) for m in self.matches if m["state"] == "suggested"}

    @property
    def codes(self) -> set[tuple[str, str]]:
        return {(found["code"], found["key"]) for found in self.breaks}

    @property
    def open(self) -> dict[str, tuple[str, str]]:
        return {row["invoice_id"]: (row["open_amount"], row["bucket"]) for row in self.aging}


Draw = Callable[..., Path]
TieOut = Callable[..., Results]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write a world from lines of cells separated by spaces (`-` = empty, `_` = a space inside a cell).

    Each keyword is one of FILES; a file that is not drawn is not there, but for those of ALWAYS.
    """

    def write(*, folder: str = "world", **files: str) -> Path:
        for told, (name, header) in FILES.items():
            if told not in files and told not in ALWAYS:
                continue
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [line.split() for line in files.get(told, "").strip().splitlines()]
            cells = [["" if cell == "-" else cell.replace("_", " ") for cell in row] for row in rows]
            width = header.count(",") + 1
            lines = [",".join(row + [""] * (width - len(row))) for row in cells]
            path.write_text("\n".join([header, *lines, ""]))
        return tmp_path / folder

    return write


def load(store: PostgresStore, world: Path) -> None:
    load_from(WorldSource(world), store)


def load_from(source: Source, store: PostgresStore) -> None:
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        check_completeness(source, store, entity=entity)
        land_records(source, store, entity=entity)


def results(store: PostgresStore, as_of: str) -> Results:
    run = reconcile(store, as_of=date.fromisoformat(as_of), policy=load_policy())
    with store.transaction() as tx:
        files = render_results(tx, run.run_id)
    rows = {name: list(csv.DictReader(io.StringIO(content.decode()))) for name, content in files.items()}
    return Results(
        run,
        rows["matches.csv"],
        rows["breaks.csv"],
        rows["control_totals.csv"],
        rows["aging.csv"],
        rows["arr.csv"],
    )


@pytest.fixture
def tie_out(store: PostgresStore) -> TieOut:
    """Load a world and reconcile it as of a day."""

    def run(world: Path, *, as_of: str = "2026-03-31") -> Results:
        load(store, world)
        return results(store, as_of)

    return run
