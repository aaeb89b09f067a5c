"""The files of a world: their columns, and a folder of them that appears whole or not at all."""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "world.json"

COLUMNS: dict[str, tuple[str, ...]] = {
    path: tuple(columns.split())
    for path, columns in {
        "salesforce/Account.csv": (
            "Id Name Website BillingCountryCode CurrencyIsoCode OwnerId ParentId TaxId__c ERP_Customer_Id__c "
            "LastModifiedDate"
        ),
        "salesforce/Contact.csv": "Id AccountId FirstName LastName Email Phone",
        "salesforce/Opportunity.csv": (
            "Id AccountId Name StageName IsClosed IsWon Amount CurrencyIsoCode CloseDate Type "
            "Discount_Percent__c Approval_Level__c Term_Months__c ERP_Order_Id__c Product__c List_Price__c "
            "OwnerId"
        ),
        "erp/customers.csv": "id name country currency tax_id email crm_account_id parent_id",
        "erp/orders.csv": "id number customer_id order_date currency amount status opportunity_id",
        "erp/invoices.csv": (
            "id number customer_id order_id issue_date due_date currency net tax gross status disputed"
        ),
        "erp/credit_notes.csv": "id number customer_id invoice_id issue_date currency gross",
        "erp/subscriptions.csv": (
            "id customer_id start_date end_date currency quantity unit_price interval status renewal_date arr"
        ),
        "erp/amendments.csv": "id subscription_id sequence type effective_date quantity unit_price",
        "payments/payments.csv": (
            "id customer_id payer_text reference currency amount fee paid_on status invoice_id"
        ),
        "payments/attempts.csv": "id payment_id invoice_id attempt_no outcome decline_code occurred_at",
        "payments/refunds.csv": "id payment_id currency amount created_on status",
        "payments/disputes.csv": "id payment_id currency amount opened_on status",
        "payments/payouts.csv": "id currency gross fee net arrival_date status",
        "payments/payout_items.csv": "payout_id payment_id type currency gross fee net",
        "bank/lines.csv": "id account value_date currency amount reference payer_text",
        "fx/rates.csv": "date from to rate source",
        "truth/links.csv": "recon side_a_id side_b_id amount",
        "truth/breaks.csv": "recon code key amount",
        "truth/arr.csv": (
            "customer_id month currency opening new expansion contraction churn reactivation closing"
        ),
        "truth/unmatchable.csv": "recon side_id reason",
        "truth/faults.csv": "recon kind key",
    }.items()
}

LEGACY_COLUMNS: dict[str, tuple[str, ...]] = {
    path: tuple(columns.split())
    for path, columns in {
        "legacy/orders.csv": "day opportunity_id number order_date currency amount status created_at",
        "legacy/invoices.csv": "day number issue_date due_date currency net tax gross created_at",
        "legacy/statuses.csv": "day invoice_number status paid_on changed_at",
        "legacy/arr.csv": "day subscription_id currency arr",
        "legacy/matches.csv": "day payment_id invoice_numbers currency amount",
        "truth/parity.csv": "day kind key field class error",
    }.items()
}
"""What a world has besides where the old path's answers were asked for."""

Rows = dict[str, list[tuple[str, ...]]]


class Tables:
    """Open CSV files of a world under construction; counts what it writes."""

    def __init__(self, folder: Path, stack: ExitStack, *, legacy: bool = False) -> None:
        files = COLUMNS | (LEGACY_COLUMNS if legacy else {})
        self.counts = dict.fromkeys(files, 0)
        self._writers = {}
        for path, columns in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(target.open("w", encoding="utf-8", newline=""))
            self._writers[path] = csv.writer(file)
            self._writers[path].writerow(columns)

    def write(self, path: str, rows: Iterable[tuple[str, ...]]) -> None:
        written = list(rows)
        self._writers[path].writerows(written)
        self.counts[path] += len(written)

    def write_all(self, rows: Rows) -> None:
        for path, some in rows.items():
            self.write(path, some)


def refuse_foreign(out: Path) -> None:
    """Raises FileExistsError when `out` holds anything but a generated world, which may be replaced."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())) or _is_generated(out):
        return
    raise FileExistsError(
        f"{out} exists and is not a generated world (no valid {MANIFEST} in it): "
        "choose another folder, or remove it yourself."
    )


def _is_generated(out: Path) -> bool:
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and "generator" in manifest


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A hidden sibling of `out` to write into; it becomes `out` at the end. An error leaves nothing."""
    refuse_foreign(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{os.getpid()}.new")
    _discard_drafts(out)
    draft.mkdir()
    try:
        yield draft
        _put_in_place(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_in_place(draft: Path, out: Path) -> None:
    refuse_foreign(out)
    if out.exists():
        old = out.with_name(f".{out.name}.{os.getpid()}.old")
        out.rename(old)
        draft.rename(out)
        shutil.rmtree(old)
    else:
        draft.rename(out)


def _discard_drafts(out: Path) -> None:
    """What runs that were killed left behind; a live process keeps its draft."""
    for left in (*out.parent.glob(f".{out.name}.*.new"), *out.parent.glob(f".{out.name}.*.old")):
        owner = left.suffixes[-2][1:]
        if owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(left)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
