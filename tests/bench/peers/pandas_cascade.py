"""The notebook every finance team has: a cascade of pandas merges, surest rule first, each row used once."""

import pandas as pd
from postgres_rows import number_key, run

SHORT_PERCENT = 2
BEFORE_DAYS, AFTER_DAYS = 5, 90
NUMBER = r"(20\d\d\D{0,3}\d{3,})"


def match(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    invoices = invoices.assign(key=number_key(invoices["number"]))
    payments = payments.assign(key=number_key(payments["reference"]))
    found = []
    for rule in (applied, exact_number, number, several_numbers, nearly_the_amount, amount_alone):
        pairs = rule(payments, invoices).assign(rule=rule.__name__)[["payment_id", "invoice_id", "rule"]]
        found.append(pairs)
        payments = payments[~payments["payment_id"].isin(pairs["payment_id"])]
        invoices = invoices[~invoices["invoice_id"].isin(pairs["invoice_id"])]
    return pd.concat(found)


def applied(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """The payments platform says which invoice."""
    both = payments.merge(invoices, left_on=["applied_to", "currency"], right_on=["invoice_id", "currency"])
    return once(both[both["amount_minor"] == both["gross_minor"]])


def exact_number(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """The reference is the number, and the amount is right."""
    left, right = ["reference", "currency", "amount_minor"], ["number", "currency", "gross_minor"]
    return once(payments.dropna(subset="reference").merge(invoices, left_on=left, right_on=right))


def number(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """The reference holds the number somehow, of the payer's own invoice, and the amount is right."""
    both = named(payments, invoices)
    return once(both[both["amount_minor"] == both["gross_minor"]])


def several_numbers(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """The reference lists invoices of the payer that add up to the amount."""
    listed = payments.dropna(subset="reference").assign(
        key=lambda some: some["reference"].str.findall(NUMBER)
    )
    listed = listed[listed["key"].str.len() > 1].explode("key")
    listed["key"] = number_key(listed["key"].astype("string"))
    both = named(listed, invoices).drop_duplicates("invoice_id")
    sums = both.groupby("payment_id")["gross_minor"].transform("sum")
    return both[sums == both["amount_minor"]]


def nearly_the_amount(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """The number is right and at most two percent are missing: a fee or a rounding."""
    both = named(payments, invoices)
    missing = both["gross_minor"] - both["amount_minor"]
    return once(both[(missing > 0) & (missing * 100 <= both["gross_minor"] * SHORT_PERCENT)])


def amount_alone(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """No reference: the payer has one open invoice of this amount in the window, and it one such payment."""
    silent = payments[payments["reference"].isna()]
    left, right = ["customer_id", "currency", "amount_minor"], ["customer_id", "currency", "gross_minor"]
    both = silent.merge(invoices, left_on=left, right_on=right)
    early = both["issue_date"] - pd.Timedelta(days=BEFORE_DAYS) <= both["paid_on"]
    both = both[early & (both["paid_on"] <= both["due_date"] + pd.Timedelta(days=AFTER_DAYS))]
    alone = ~both.duplicated("payment_id", keep=False) & ~both.duplicated("invoice_id", keep=False)
    return both[alone]


def named(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    return payments.dropna(subset="key").merge(invoices, on=["customer_id", "currency", "key"])


def once(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each payment and each invoice once; the earliest payment wins."""
    first = pairs.sort_values(["paid_on", "payment_id", "invoice_id"])
    return first.drop_duplicates("payment_id").drop_duplicates("invoice_id")


if __name__ == "__main__":
    run(match)
