"""Whether the exchange rates a day needs have come: a missing day or currency is a break, never a guess."""

from collections.abc import Iterator
from datetime import date, timedelta

from include.domain.breaks import REPORTING_CURRENCY, Break
from include.domain.target_days import FEED, target_days
from include.ports import Transaction

LOOK_BACK = timedelta(days=10)
"""As far back as a rate still says what money is worth (query `rates_as_of`)."""

BASE = "EUR"


def check_rates(tx: Transaction, *, as_of: date) -> Iterator[Break]:
    """DQ02 for every banking day without rates, and for every currency in use that a day leaves out; DQ05 for those
    the feed does not quote at all. Nothing where no feed is read: a world states what rates it has.
    """
    since = tx.rows("feed_since", feed=FEED)[0]["since"]
    if since is None:
        return
    first = max(since, as_of - LOOK_BACK)
    quoted = {
        row["rate_date"]: set(row["currencies"])
        for row in tx.rows("quoted_rates", feed=FEED, from_date=first)
    }
    used = {row["currency"] for row in tx.rows("currencies_in_use")} | {REPORTING_CURRENCY}
    ever = set().union(*quoted.values())
    days = list(target_days(first, as_of))
    for currency in sorted(used - ever - {BASE}) if quoted else ():
        said = f"the ECB quotes no {currency}; what is owed in it has no known worth; find another source"
        yield Break(recon="all", code="DQ05", key=f"fx {currency}", evidence=said)
    for day in days:
        if day not in quoted:
            said = f"the ECB's rates of {day}, a banking day, have not come; see the DAG extract_fx"
            yield Break(recon="all", code="DQ02", key=f"fx {day}", evidence=said)
            continue
        for currency in sorted((used & ever) - quoted[day]):
            said = f"the ECB's rates of {day} leave out {currency}, which is in use; see the DAG extract_fx"
            yield Break(recon="all", code="DQ02", key=f"fx {day} {currency}", evidence=said)
