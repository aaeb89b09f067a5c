"""The suites: everything that is expected of what a day sees, derived from the entities and from policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from include.domain.business_days import Calendar
from include.domain.entities import ENTITIES, Entity, Field, Kind
from include.policy.quality import Drift, Freshness, Quality
from include.validation import expected as that
from include.validation.expected import Expected, Limits

REFERENCES = (
    ("contacts", "account_id", "accounts"),
    ("opportunities", "account_id", "accounts"),
    ("accounts", "erp_customer_id", "customers"),
    ("customers", "crm_account_id", "accounts"),
    ("orders", "customer_id", "customers"),
    ("deal_lines", "opportunity_id", "opportunities"),
    ("orders", "opportunity_id", "opportunities"),
    ("invoices", "customer_id", "customers"),
    ("invoices", "order_id", "orders"),
    ("credit_notes", "customer_id", "customers"),
    ("credit_notes", "invoice_id", "invoices"),
    ("subscriptions", "customer_id", "customers"),
    ("amendments", "subscription_id", "subscriptions"),
    ("payments", "customer_id", "customers"),
    ("payments", "invoice_id", "invoices"),
    ("attempts", "payment_id", "payments"),
    ("refunds", "payment_id", "payments"),
    ("disputes", "payment_id", "payments"),
    ("payout_items", "payout_id", "payouts"),
    ("opportunities", "price_book_id", "price_books"),
    ("opportunities", "erp_order_id", "orders"),
    ("attempts", "invoice_id", "invoices"),
    ("accounts", "parent_id", "accounts"),
    ("customers", "parent_id", "customers"),
)
"""Entity, the column that names another, and the entity it names."""


CHANGED_ON = {"accounts": "modified_at"}
"""Of what has no day of its own, the instant of its last change."""


@dataclass(frozen=True)
class Day:
    """The day that is checked, the entities of which it holds anything, its calendar, and the systems that are read."""

    as_of: date
    held: frozenset[str]
    calendar: Calendar
    read: frozenset[str]


def suites(quality: Quality, freshness: Freshness, day: Day) -> list[Expected]:
    """Every expectation that can be asked of the day, in the order people read them."""
    of_all = [
        *_freshness(freshness, day),
        *_reading(quality),
        *_drift(quality.drift),
        *_newest_day(quality.drift),
        *_agreement(),
    ]
    return of_all + [
        one for name, spec in ENTITIES.items() if name in day.held for one in _of(spec, quality, day)
    ]


def not_held(day: Day) -> list[str]:
    """Entities of which the day holds nothing: nothing is asked of them."""
    return [name for name in ENTITIES if name not in day.held]


def not_read(freshness: Freshness, day: Day) -> list[str]:
    """Flows whose system is not read here: nothing is promised of them."""
    return [name for name, flow in freshness.flows.items() if flow.system not in day.read]


def _of(spec: Entity, quality: Quality, day: Day) -> Iterator[Expected]:
    yield that.unique(spec.name, "native_id", kind="unique")
    for field in spec.fields:
        # Without its key or its day a row is not seen at all.
        if field.required and field.name not in (*spec.key, spec.dated_on):
            yield that.required(spec.name, column_of(field))
        if field.positive:
            yield that.between(spec.name, column_of(field), low=0, kind="valid")
    for field in spec.of_kind(Kind.CURRENCY):
        yield that.active_currency(spec.name, field.name)
    if spec.of_kind(Kind.STATUS):
        yield that.mapped(spec.name)
    for column, percent in quality.stated_percent.get(spec.name, {}).items():
        yield that.stated(spec.name, column, percent)
    yield from _RULES.get(spec.name, ())
    for entity, column, parent in REFERENCES:
        if entity == spec.name and parent in day.held:
            yield that.refers(entity, column, parent)


def column_of(field: Field) -> str:
    """The canonical table's column of a field."""
    return f"{field.name}_minor" if field.kind is Kind.MONEY else field.name


_RULES: Mapping[str, tuple[Expected, ...]] = {
    "opportunities": (
        that.between("opportunities", "discount_percent", low=0, high=100, kind="plausible"),
        that.between("opportunities", "term_months", low=1, high=120, kind="plausible"),
    ),
    "orders": (that.unique("orders", "number", kind="number"),),
    "invoices": (
        that.unique("invoices", "number", kind="number"),
        that.none_of(
            "invoices",
            "gross_is_net_and_tax",
            "valid",
            holds="The gross amount of every invoice is its net amount and its tax.",
            broken="Of {unexpected} of {checked} invoices, the gross amount is not net amount and tax.",
        ),
        that.after("invoices", "due_date", "issue_date", or_equal=True, kind="plausible"),
        that.none_of(
            "invoices",
            "open_for_no_more_than_gross",
            "valid",
            holds="No invoice is open for more than its gross amount, or for less than nothing.",
            broken="{unexpected} of {checked} invoices are open for more than their gross amount or less than nothing.",
        ),
    ),
    "credit_notes": (that.unique("credit_notes", "number", kind="number"),),
    "subscriptions": (
        that.after("subscriptions", "end_date", "start_date", or_equal=False, kind="valid"),
        that.between("subscriptions", "quantity", low=0, kind="plausible"),
    ),
    "amendments": (that.unique("amendments", "subscription_id", "sequence", kind="number"),),
    "attempts": (that.between("attempts", "attempt_no", low=1, kind="plausible"),),
    "payout_items": (
        that.none_of(
            "payout_items",
            "names_what_moved",
            "refers",
            holds="Whatever payment, refund or dispute the payout items name is held.",
            broken="{unexpected} of {checked} payout items name a payment, refund or dispute that is not held.",
        ),
        that.none_of(
            "payout_items",
            "net_is_gross_less_fee",
            "plausible",
            holds="The net amount of every payout item is its gross amount less its fee.",
            broken="Of {unexpected} of {checked} payout items, the net amount is not the gross amount less the fee.",
        ),
    ),
    "fx_rates": (that.between("fx_rates", "rate", low=0, strict=True, kind="valid"),),
}
"""What must hold of an entity beyond what its fields say."""


def _freshness(freshness: Freshness, day: Day) -> Iterator[Expected]:
    for name, flow in freshness.flows.items():
        if flow.system not in day.read:
            continue
        minutes = flow.behind_minutes
        until = f"{minutes} minutes before the end of the day" if minutes else "the end of the day"
        yield that.measured(
            "freshness",
            "fresh",
            Limits(f"behind {name}", None, minutes),
            name=f"{name} is complete",
            holds=f"What {name} reads is complete to {until}.",
            broken=f"What {name} reads is not complete to {until}, by minutes: {{observed}}.",
        )
        for entity, days in flow.newest_business_days.items():
            column = ENTITIES[entity].dated_on or CHANGED_ON.get(entity)
            if entity in day.held and column:
                since = day.calendar.before(day.as_of, days)
                yield that.newest(entity, column, since=since, business_days=days)


def _reading(quality: Quality) -> Iterator[Expected]:
    yield that.measured(
        "reading",
        "read",
        Limits("read", None, quality.unread_percent_max),
        name="rows are readable",
        holds=f"No more than {quality.unread_percent_max} % of any kind of row could not be read.",
        broken=f"More than {quality.unread_percent_max} % of these rows could not be read: {{observed}}.",
    )
    yield that.measured(
        "reading",
        "held",
        Limits("held", None, quality.fewer_percent_max),
        name="rows are still there",
        holds="What was held the day before is still held.",
        broken=f"More than {quality.fewer_percent_max} % of what was held the day before is gone: {{observed}}.",
    )


def _drift(drift: Drift) -> Iterator[Expected]:
    before = f"the {drift.windows} times {drift.window_days} days before"
    for measure, limit, what in (
        ("volume", drift.volume_sigmas, "as many facts as"),
        ("amounts", drift.amount_percent, "amounts about as high as"),
        ("mix", drift.mix_percent, "currencies and statuses mixed as"),
        ("blanks", drift.blank_points, "as few rows that lack whom or what they belong to as"),
    ):
        yield that.measured(
            "drift",
            "drift",
            Limits(measure, None if measure == "mix" else -limit, limit),
            name=f"{measure} as before",
            holds=f"The newest {drift.window_days} days have {what} {before}.",
            broken=f"The newest {drift.window_days} days do not have {what} {before}: {{observed}}.",
        )


def _newest_day(drift: Drift) -> Iterator[Expected]:
    weeks = f"the same weekday of the {drift.day_weeks} weeks before"
    for measure, limit, what, broken in (
        ("day volume", drift.day_volume_percent, "as many facts as", "does not have as many facts as"),
        ("day amounts", drift.day_amount_percent, "amounts as high as", "does not have amounts as high as"),
    ):
        before = weeks if measure == "day volume" else "the days before"
        yield that.measured(
            "drift",
            "drift",
            Limits(measure, -limit, limit),
            name=f"the newest day's {measure.removeprefix('day ')} as before",
            holds=f"The newest business day has {what} {before}, as far as chance goes.",
            broken=f"The newest business day {broken} {before}: {{observed}}.",
        )


def _agreement() -> Iterator[Expected]:
    for what, of, one, other in (
        ("payouts", "as the payments platform paid out", "the bank booked", "platform and bank"),
        ("invoices", "as the ERP issued that should be there", "Salesforce holds", "ERP and Salesforce"),
    ):
        for figure, much in (("count", f"as many {what}"), ("sum", "the same money")):
            yield that.measured(
                "agreement",
                "agrees",
                Limits(f"{what}, {figure}", 0, 0),
                name=f"{what}, {figure}: {other}",
                holds=f"By currency and day, {one} {much} {of}.",
                broken=f"It is not so that, by currency and day, {one} {much} {of}: {{observed}}.",
            )
