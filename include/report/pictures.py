"""The day's report in pictures: what each shows stands in its alternative text and in a table beside it."""

from collections.abc import Sequence

from include.report import words
from include.report.charts import BARS_SHOWN, Bar, Chart, shares, waterfall
from include.report.facts import AgingTotal, ArrMonth
from include.report.figures import Figures


def aging_chart(found: Sequence[AgingTotal], shown: Figures) -> Chart | None:
    """Each currency's open money by age; None when nothing is open."""
    rows, told = [], []
    for currency in dict.fromkeys(one.currency for one in found):
        by_name = {one.bucket: one.open_minor for one in found if one.currency == currency}
        minors = [max(0, by_name.get(name, 0)) for name in words.BUCKETS]
        whole = sum(minors)
        if whole > 0:
            rows.append((currency, [float(minor) for minor in minors]))
            parts = [
                f"{shown.percent(minor, whole)} {label}"
                for minor, label in zip(minors, words.BUCKETS.values(), strict=True)
                if minor
            ]
            told.append(f"{currency}: {', '.join(parts)}")
    if not rows:
        return None
    left = (
        f" The first {BARS_SHOWN} of {len(rows)} currencies; the workbook has all."
        if len(rows) > BARS_SHOWN
        else ""
    )
    alt = f"Share of open money by age. {'. '.join(told[:BARS_SHOWN])}.{left}"
    return shares(rows, list(words.BUCKETS.values()), alt=alt)


def arr_chart(months: Sequence[ArrMonth], shown: Figures) -> Chart | None:
    """The bridge of the month so far as steps; None unless it is in one currency and something moved."""
    if len(months) != 1:
        return None
    one = months[0]
    ends = ("opening_minor", "closing_minor")
    steps = [
        (field, name, sign * getattr(one, field))
        for field, name, sign in words.ARR_LINES
        if field in ends or getattr(one, field)
    ]
    if len(steps) == len(ends):
        return None
    bars = [
        Bar(name, float(minor), shown.rounded(minor, one.currency), whole=field in ends)
        for field, name, minor in steps
    ]
    told = ", ".join(f"{name.lower()} {shown.money(minor, one.currency)}" for _, name, minor in steps)
    return waterfall(bars, alt=f"Recurring revenue of {one.month:%Y-%m} so far: {told}.")
