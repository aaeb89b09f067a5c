"""What could not be read is told by file and line, field, rule and value; what is personal is not shown."""

from pathlib import Path

import pytest

from include.connectors.world.client import WorldSource
from include.connectors.world.translate import FILES
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.store.postgres import PostgresStore
from tests.flows.conftest import results

INVOICE = "id,number,customer_id,issue_date,due_date,currency,net,tax,gross"
SUBSCRIPTION = "id,customer_id,start_date,end_date,currency,quantity,unit_price,interval"
LONG = "Ada" + "x" * 10_000


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "erp/invoices.csv",
            f"{INVOICE}\n1,INV-1,C1,2026-01-01,2026-01-31,SGD,100.00,9.00,108.00",
            "erp/invoices.csv, line 2: column gross: not net + tax: '108.00'",
        ),
        (
            "erp/subscriptions.csv",
            f"{SUBSCRIPTION}\n1,C1,2026-01-01,2025-12-31,SGD,1,5.00,month",
            "erp/subscriptions.csv, line 2: column end_date: not after start_date: '2025-12-31'",
        ),
        (
            "fx/rates.csv",
            "date,from,to,rate\n2026-01-01,USD,SGD,0",
            "fx/rates.csv, line 2: column rate: not above zero: '0'",
        ),
        (
            "salesforce/Contact.csv",
            f"Id,AccountId,Email\n1,2,{LONG}",
            "salesforce/Contact.csv, line 2: column Email: longer than 10,000 characters: a personal value",
        ),
        (
            "payments/payments.csv",
            f"id,currency,amount,paid_on,payer_text\n1,SGD,1.00,2026-01-01,{LONG}",
            "payments/payments.csv, line 2: column payer_text: longer than 10,000 characters: a personal value",
        ),
        (
            "bank/lines.csv",
            f"id,account,value_date,currency,amount\n1,{LONG},2026-01-01,SGD,1.00",
            "bank/lines.csv, line 2: column account: longer than 10,000 characters: a personal value",
        ),
    ],
)
def test_a_bad_row_is_told_whole_and_without_what_is_personal(
    tmp_path: Path, store: PostgresStore, file: str, text: str, says: str
) -> None:
    [entity] = [name for name, path in FILES.items() if path == file]
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(f"{text}\n")
    pull_changes(WorldSource(tmp_path), store, entity=entity)
    assert land_records(WorldSource(tmp_path), store, entity=entity).complaints == [says]
    [found] = results(store, "2026-03-31").breaks
    assert (found["code"], found["evidence"]) == ("DQ01", says)
    assert "Ada" not in str(found)
