"""What chance makes of few facts is no drift; what it cannot make of them is."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from include.policy import load_policy
from include.store.postgres import PostgresStore

DRIFT = load_policy().quality.drift
DAY = date(2026, 6, 30)
LIMITS = {"mix": DRIFT.mix_percent, "blanks": DRIFT.blank_points, "amounts": DRIFT.amount_percent}

# So many facts in each currency in the newest window; before, sixty in each.
_WORDS = ("SGD", "USD", "EUR", "GBP", "JPY", "INR")
_MIXES: dict[str, tuple[int, ...]] = {
    "quiet and few": (9, 8, 2, 6, 4, 1),
    "quiet and many": (90, 108, 92, 106, 104, 100),
    "moved and few": (28, 0, 0, 1, 1, 0),
    "moved and many": (300, 20, 20, 20, 20, 220),
    "a word that is gone": (60, 60, 60, 60, 60, 0),
}
_BLANKS = {  # of so many facts, blank in the newest window; of 600 before, 120 were
    "quiet and few": (30, 11),
    "quiet and many": (600, 150),
    "moved and few": (30, 21),
    "moved and many": (600, 190),
    "many fewer": (600, 40),
}
_AMOUNTS = {  # so many amounts, whose mean logarithm is so many standard deviations higher; there were 600 before
    "quiet and few": (30, 0.7),
    "quiet and many": (600, 0.4),
    "quiet and very few": (5, 1.7),
    "moved and few": (30, 1.2),
    "moved and very few": (5, -4.6),  # a hundredth
    "moved and many": (600, 0.6),
    "many lower": (600, -0.6),
}


@pytest.fixture
def found(store: PostgresStore, database_url: str) -> dict[str, dict[str, float]]:
    """Deviations by measure and case."""
    with psycopg.connect(database_url) as connection:
        run_id = connection.execute(
            "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state) "
            "VALUES (gen_random_uuid(), %s, 0, 0, '', '', 'computed') RETURNING run_id",
            (DAY,),
        ).fetchone()
    own = {
        "run_id": run_id and run_id[0],
        "least_rows": DRIFT.least_rows,
        "least_amounts": DRIFT.least_amounts,
    }
    with store.transaction() as tx:
        tx.run("create_daily_facts", as_of=DAY, days=DRIFT.window_days, windows=DRIFT.windows)
        tx.run("create_window_facts", as_of=DAY, days=DRIFT.window_days)
        tx.copy_in(
            "window_facts",
            ("entity", "back", "currency", "status", "facts", "blanks", "amounts", "logs", "squares"),
            list(_rows()),
        )
        for measure in LIMITS:
            tx.run(f"measure_{measure}", chance_sigmas=DRIFT.chance_sigmas, **own)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT measure, part, deviation FROM recon.quality_measures").fetchall()
    told: dict[str, dict[str, float]] = {}
    for measure, part, deviation in rows:
        told.setdefault(measure, {})[part.partition(",")[0]] = deviation
    return told


def _rows() -> Iterator[list[Any]]:
    for case, counts in _MIXES.items():
        for word, facts in zip(_WORDS, counts, strict=True):
            yield [f"{case} mix", 0, word, "", facts, 0, 0, 0, 0]
            yield [f"{case} mix", 1, word, "", 60, 0, 0, 0, 0]
    for case, (facts, blanks) in _BLANKS.items():
        yield [f"{case} blanks", 0, "SGD", "", facts, blanks, 0, 0, 0]
        yield [f"{case} blanks", 1, "SGD", "", 600, 120, 0, 0, 0]
    for case, (amounts, off) in _AMOUNTS.items():
        mean = 10 + off
        yield [f"{case} amounts", 0, "SGD", "", amounts, 0, amounts, amounts * mean, amounts * (mean**2 + 1)]
        yield [f"{case} amounts", 1, "SGD", "", 600, 0, 600, 6000, 600 * 101]


@pytest.mark.parametrize("measure", list(LIMITS))
def test_what_chance_makes_of_few_facts_is_no_drift_and_what_it_cannot_is(
    found: dict[str, dict[str, float]], measure: str
) -> None:
    told = {
        part.removesuffix(f" {measure}")
        for part, deviation in found[measure].items()
        if part.endswith(f" {measure}") and abs(deviation) > LIMITS[measure]
    }
    cases = {"mix": set(_MIXES), "blanks": set(_BLANKS), "amounts": set(_AMOUNTS)}[measure]
    assert told == {case for case in cases if not case.startswith("quiet")}
