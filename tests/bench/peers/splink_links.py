"""Splink, link only, on DuckDB: a model trained on these rows, and pairs that are each other's best above 0.95."""

import logging

import pandas as pd
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from postgres_rows import number_key, run
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SURE = 0.95
SEED = 1
SAME_AMOUNT = "l.customer_id = r.customer_id AND l.currency = r.currency AND l.amount_minor = r.amount_minor"
NEAR = "abs(date_diff('day', l.on_date, r.on_date)) <= 120"
DETERMINISTIC = [
    "l.document = r.document AND l.customer_id = r.customer_id AND l.amount_minor = r.amount_minor"
]


def settings() -> SettingsCreator:
    amount = cl.CustomComparison(
        output_column_name="amount_minor",
        comparison_levels=[
            cll.NullLevel("amount_minor"),
            cll.ExactMatchLevel("amount_minor", term_frequency_adjustments=True),
            cll.PercentageDifferenceLevel("amount_minor", 0.02),
            cll.PercentageDifferenceLevel("amount_minor", 0.2),
            cll.ElseLevel(),
        ],
    )
    days = cl.AbsoluteDateDifferenceAtThresholds(
        "on_date", input_is_string=False, metrics=["day", "day", "day"], thresholds=[7, 30, 95]
    )
    return SettingsCreator(
        link_type="link_only",
        comparisons=[cl.ExactMatch("document"), cl.ExactMatch("customer_id"), amount, days],
        blocking_rules_to_generate_predictions=[
            block_on("document", "currency"),
            {"blocking_rule": f"{SAME_AMOUNT} AND {NEAR}", "sql_dialect": "duckdb"},
        ],
        retain_matching_columns=False,
    )


def match(payments: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    shape = ["unique_id", "customer_id", "currency", "document", "amount_minor", "on_date"]
    paid = payments.assign(
        unique_id=payments["payment_id"],
        document=number_key(payments["reference"]),
        on_date=payments["paid_on"],
    )
    owed = invoices.assign(
        unique_id=invoices["invoice_id"],
        document=number_key(invoices["number"]),
        amount_minor=invoices["gross_minor"],
        on_date=invoices["due_date"],
    )
    engine = DuckDBAPI()
    tables = [
        engine.register(some[shape].astype(dict.fromkeys(shape[:4], object)), dataset_display_name=name)
        for name, some in (("paid", paid), ("owed", owed))
    ]
    linker = Linker(tables, settings(), log_level=logging.WARNING)
    train(linker)
    predicted = linker.inference.predict(threshold_match_probability=SURE).as_pandas_dataframe()
    return mutual_best(predicted, set(payments["payment_id"]))


def train(linker: Linker) -> None:
    linker.training.estimate_probability_two_random_records_match(DETERMINISTIC, recall=0.75)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=SEED)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("document", "currency"))
    linker.training.estimate_parameters_using_expectation_maximisation(
        block_on("customer_id", "amount_minor")
    )


def mutual_best(predicted: pd.DataFrame, payments: set[str]) -> pd.DataFrame:
    """Pairs that are the best of both their sides; a tie is decided by id."""
    turned = ~predicted["unique_id_l"].isin(payments)
    pairs = pd.DataFrame(
        {
            "payment_id": predicted["unique_id_l"].mask(turned, predicted["unique_id_r"]),
            "invoice_id": predicted["unique_id_r"].mask(turned, predicted["unique_id_l"]),
            "weight": predicted["match_weight"],
        }
    ).sort_values(["weight", "payment_id", "invoice_id"], ascending=[False, True, True])
    best = ~pairs.duplicated("payment_id") & ~pairs.duplicated("invoice_id")
    return pairs[best].assign(rule="probability")


if __name__ == "__main__":
    run(match)
