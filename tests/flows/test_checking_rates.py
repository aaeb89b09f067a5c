"""A day whose exchange rates have not come, or leave out money in use, is told and not published."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from include.connectors.ecb.client import RatesFolder
from include.connectors.ecb.source import EcbSource
from include.connectors.world.client import WorldSource
from include.flows.publish_run import publish_run
from include.ports import Fatal
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, load_from, results

TUESDAY = date(2026, 6, 30)
INVOICES = "1 INV-1 C1 2026-06-01 2026-06-30 USD 10.00"
RATES = """Date,USD,SGD
2026-06-30,1.12,1.46
2026-06-29,1.13,1.46
2026-06-26,1.14,1.45
"""


@pytest.fixture
def breaks(draw: Draw, store: PostgresStore, tmp_path: Path) -> Callable[..., list[str]]:
    """The breaks about rates when these are read beside these invoices: code and key."""

    def found(rates: str, *, as_of: str = "2026-06-30", invoices: str = INVOICES) -> list[str]:
        folder = tmp_path / "rates"
        folder.mkdir()
        (folder / "hist.csv").write_text(rates)
        load_from(WorldSource(draw(invoices=invoices)), store)
        load_from(EcbSource(RatesFolder(folder)), store)
        return sorted(f"{code} {key}" for code, key in results(store, as_of).codes if key.startswith("fx "))

    return found


def test_a_weekend_needs_no_rates(breaks: Callable[..., list[str]]):
    assert breaks(RATES) == []


def test_a_banking_day_without_rates_is_a_break_and_keeps_the_day_from_being_published(
    breaks: Callable[..., list[str]], store: PostgresStore
):
    assert breaks(RATES.replace("2026-06-29,1.13,1.46\n", "")) == ["DQ02 fx 2026-06-29"]
    with pytest.raises(Fatal, match="DQ02 the ECB's rates of 2026-06-29"):
        publish_run(store, as_of=TUESDAY)


def test_rates_that_stopped_coming_are_missing_day_by_day(breaks: Callable[..., list[str]]):
    assert breaks(RATES, as_of="2026-07-02") == ["DQ02 fx 2026-07-01", "DQ02 fx 2026-07-02"]


def test_a_currency_in_use_that_a_day_leaves_out_is_a_break(breaks: Callable[..., list[str]]):
    assert breaks(RATES.replace("2026-06-30,1.12", "2026-06-30,N/A")) == ["DQ02 fx 2026-06-30 USD"]


def test_a_currency_nobody_uses_may_be_left_out(breaks: Callable[..., list[str]]):
    rates = "Date,USD,JPY,SGD\n2026-06-30,1.12,N/A,1.46\n2026-06-29,1.12,163,1.46\n"
    assert breaks(rates) == []


def test_a_currency_the_ecb_does_not_quote_is_told_and_does_not_hold_up_the_day(
    breaks: Callable[..., list[str]], store: PostgresStore
):
    assert breaks(RATES, invoices=INVOICES.replace("USD 10.00", "VND 250000")) == ["DQ05 fx VND"]
    publish_run(store, as_of=TUESDAY)
