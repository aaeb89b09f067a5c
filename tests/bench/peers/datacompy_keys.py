"""datacompy: both sides brought to one shape, joined on payer, currency and document, and compared by amount."""

import datacompy
import pandas as pd
from postgres_rows import number_key, run

KEYS = ["customer_id", "currency", "document"]


def match(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    paid = payments.assign(document=number_key(payments["reference"])).dropna(subset=KEYS)
    paid = paid.sort_values(["paid_on", "payment_id"])[["payment_id", *KEYS, "amount_minor"]]
    owed = invoices.assign(document=number_key(invoices["number"]), amount_minor=invoices["gross_minor"])
    owed = owed.dropna(subset=KEYS)[["invoice_id", *KEYS, "amount_minor"]]
    compared = datacompy.PandasCompare(paid, owed, join_columns=KEYS, df1_name="paid", df2_name="owed")
    both = compared.intersect_rows
    return both[both["amount_minor_match"]].assign(rule="document_and_amount")


if __name__ == "__main__":
    run(match)
