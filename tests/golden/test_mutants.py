"""Engines broken on purpose: each must be caught by a case that the engine as it is passes."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from include.domain import applications, cash, money, residuals
from include.domain.explanations import Block, Explained
from include.domain.residuals import ResidualRules
from include.ports import Fatal
from include.store import postgres
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.conftest import load, results
from tests.golden.test_matching import GOLDEN, Golden, expected, outcome, write

Mutation = Callable[[pytest.MonkeyPatch], None]


def sql(name: str, right: str, wrong: str) -> Mutation:
    """Replace a part of a named query; fails when it is no longer there to be broken."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        query = postgres.query
        assert right in query(name)  # type: ignore[arg-type]
        patch.setattr(
            postgres,
            "query",
            lambda asked: query(asked).replace(right, wrong) if asked == name else query(asked),
        )

    return apply


def rounds_one_more(patch: pytest.MonkeyPatch) -> None:
    rounding = ResidualRules.rounding
    patch.setattr(
        ResidualRules, "rounding", lambda self, currency, lines: rounding(self, currency, lines=lines) + 1
    )


def takes_the_first_fit(patch: pytest.MonkeyPatch) -> None:
    doubt = cash._doubt

    def first(one: Explained, block: Block) -> str:
        several = len(one.ways) > 1
        object.__setattr__(one, "ways", one.ways[:1])
        return "" if several else doubt(one, block)

    patch.setattr(cash, "_doubt", first)


def computes_in_floats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residuals, "percent_of", lambda amount, percent: int(amount * float(percent) / 100))
    patch.setattr(
        money, "to_minor", lambda text, *, currency: int(float(text) * 10 ** money.exponent(currency))
    )
    patch.setattr("include.flows.write_rows.to_minor", money.to_minor)


def takes_scale_errors_for_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(applications, "is_scale_error", lambda _paid, _owed: False)


CENTS = Golden(
    "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 10900.00",
    "P C1 INV-1001 SGD 10899.98 2025-03-20",
    {("P3", "P", "1", "10899.98", "0.02")},
    {("CA07", "P", "0.02")},
)
FRACTIONS = Golden(
    "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 1.15",
    "P C1 INV-1001 SGD 1.15 2025-03-20",
    {("P1", "P", "1", "1.15", "0.00")},
    set(),
)
TWO_PAY_ONE = Golden(
    "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 990.00",
    "P C1 - SGD 990.00 2025-03-20\nQ C1 - SGD 990.00 2025-03-21",
    set(),
    {("CA16", "P", "990.00"), ("CA16", "Q", "990.00")},
    suggested={("P", "1"), ("Q", "1")},
    open={"1": "990.00"},
)

MUTANTS: dict[str, tuple[Mutation, Golden]] = {
    "a tolerance is off by one": (rounds_one_more, CENTS),
    "the first fit is taken among several": (takes_the_first_fit, GOLDEN["M14"]),
    "the first fit is taken where a subset fits too": (takes_the_first_fit, GOLDEN["M15"]),
    "money is computed in floats": (computes_in_floats, FRACTIONS),
    "a credit note is lost": (
        sql("fill_run_invoices", "least(coalesce(credited.minor, 0), gross_minor)", "0"),
        GOLDEN["M12"],
    ),
    "an invoice is claimed twice": (
        sql(
            "post_explained",
            "WHERE outranked.payment_id IS NULL AND ranked.postable",
            "WHERE ranked.postable",
        ),
        GOLDEN["M11"],
    ),
    "two payments without a reference claim one invoice": (
        lambda patch: patch.setattr(cash, "_claimed", lambda *_: ""),
        TWO_PAY_ONE,
    ),
    "a scale error passes for a part": (takes_scale_errors_for_parts, GOLDEN["M08"]),
    "tax is taken of gross": (
        lambda patch: patch.setattr(
            applications._Application,
            "_shortfall",
            lambda self, one, named, missing, right=applications._Application._shortfall: _with_net_of_gross(
                right(self, one, named, missing)
            ),
        ),
        GOLDEN["M05"],
    ),
    "an amount counts without its currency": (
        sql("find_explained", " AND invoice.currency = payment.currency", ""),
        Golden(
            "1 INV-1001 C1 2025-03-01 2025-03-31 USD - 1000.00",
            "P C1 INV-1001 SGD 1000.00 2025-03-20",
            set(),
            {("CA16", "P", "1000.00")},
            suggested={("P", "1")},
            open={"1": "1000.00"},
        ),
    ),
    "what is already settled is settled again": (
        sql("reduce_open", "open_minor - taken.minor", "open_minor"),
        Golden(
            "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 100.00",
            "P C1 INV-1001 SGD 40.00 2025-04-20",
            {("P9", "P", "1", "40.00", "0.00")},
            set(),
            open={"1": "60.00"},
        ),
    ),
}


def _with_net_of_gross(short: residuals.Shortfall) -> residuals.Shortfall:
    return residuals.Shortfall(**vars(short) | {"net_minor": short.gross_minor})


def comes_out_right(url: str, folder: Path, cases: dict[str, Golden]) -> bool:
    """Whether each case gives what it should, every total ties and every check of sql/checks holds."""
    try:
        with PostgresStore(url).keeping() as store:
            load(store, write(folder, cases))
            found = results(store, "2025-04-30")
        assert_checks_hold(url)
    except (AssertionError, Fatal):
        return False
    proven = all(total["proven"] == "true" for total in found.totals)
    return proven and all(outcome(found, case) == expected(golden) for case, golden in cases.items())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_engine_is_caught(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mutate, golden = MUTANTS[name]
    mutate(monkeypatch)
    assert not comes_out_right(database_url, tmp_path / "world", {"X": golden})


def test_the_cases_that_catch_them_pass_unbroken(database_url: str, tmp_path: Path) -> None:
    cases = {f"X{place}": golden for place, (_, golden) in enumerate(MUTANTS.values())}
    assert comes_out_right(database_url, tmp_path / "world", cases)


def test_a_percentage_of_half_a_unit_is_rounded_up_and_not_to_even() -> None:
    assert residuals.percent_of(50, Decimal(1)) == 1
