"""The canonical entities and their fields: the one table that landing, schemas and control totals read."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a field's text is read."""

    ID = "id"  # 1 to 255 characters
    TEXT = "text"  # up to 10,000 characters
    DATE = "date"  # ISO 8601 calendar date, never shifted
    INSTANT = "instant"  # ISO 8601 date and time with an offset, or a date
    MONEY = "money"  # decimal in major units of the row's currency, exactly expressible in it
    DECIMAL = "decimal"  # unit prices, rates, quantities, percentages
    INTEGER = "integer"
    BOOLEAN = "boolean"  # true or false
    CURRENCY = "currency"  # active ISO 4217 code
    STATUS = "status"  # mapped by policy/statuses.yaml; an unknown word is UNKNOWN and break DQ05
    INTERVAL = "interval"  # month, quarter, half_year, year, week


INTERVALS = ("month", "quarter", "half_year", "year", "week")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field. `positive` refuses amounts below zero.

    `pii`: personal data, sealed before it is first written (include/vault). `alike`: what stands for the sealed value
    is the same in every record that has it, so that records can be compared. `confidential`: the business's own; kept
    in clear, and out of messages and out of pages of who may not see payloads.
    """

    name: str
    kind: Kind
    required: bool
    positive: bool
    pii: bool
    alike: bool
    confidential: bool

    @property
    def hidden(self) -> bool:
        """Whether messages leave the value out."""
        return self.pii or self.confidential


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One canonical table.

    `recon` is the reconciliation (R1..R5) that consumes it and `side` its name there. `amount` is the money field its
    control totals sum. Facts whose `dated_on` lies after the day asked for are not seen. `key` names the fields that
    make the native id; `repeats` allows several rows with one key, which are then numbered. `checked` fields are asked
    for and judged when a row is received, and not kept: they are computed there, and go on without a new version.
    """

    name: str
    system: str
    recon: str
    side: str
    fields: tuple[Field, ...]
    amount: str | None = None
    dated_on: str | None = None
    key: tuple[str, ...] = ("id",)
    repeats: bool = False
    checked: tuple[Field, ...] = ()

    @property
    def received(self) -> tuple[Field, ...]:
        """What is read of a row: what is kept of it, and what is only judged."""
        return (*self.fields, *self.checked)

    @property
    def personal(self) -> tuple[Field, ...]:
        """What of a row is personal data."""
        return tuple(field for field in self.received if field.pii)

    def of_kind(self, *kinds: Kind) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind in kinds)


def _fields(table: str) -> tuple[Field, ...]:
    """Read `name:kind` words; behind a name `*` = required, `+` = not negative, `!` = personal data, `!=` = personal
    data that records are compared by, `?` = confidential.
    """
    fields = []
    for word in table.split():
        marked, kind = word.split(":")
        fields.append(
            Field(
                name=marked.rstrip("*+!=?"),
                kind=Kind(kind),
                required="*" in marked,
                positive="+" in marked,
                pii="!" in marked,
                alike="=" in marked,
                confidential="?" in marked,
            )
        )
    return tuple(fields)


ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            name="accounts", system="salesforce", recon="R1", side="account",
            fields=_fields(
                "id*:id name*:text website:text country:text currency:currency owner_id:id parent_id:id "
                "tax_id?:text erp_customer_id:id modified_at:instant"
            ),
        ),
        Entity(
            name="contacts", system="salesforce", recon="R1", side="contact",
            fields=_fields("id*:id account_id*:id first_name!:text last_name!:text email!=:text phone!:text"),
        ),
        Entity(
            name="opportunities", system="salesforce", recon="R2", side="opportunity", amount="amount",
            fields=_fields(
                "id*:id account_id:id name:text stage*:text is_closed:boolean is_won:boolean amount:money "
                "currency:currency close_date:date type:text discount_percent:decimal approval_level:text "
                "term_months:integer erp_order_id:id product:text list_price:decimal owner_id:id "
                "price_book_id:id contract_signed_on:date start_date:date last_day:date billing_interval:interval "
                "payment_terms_days:integer payment_terms_approved:boolean po_required:boolean po_number:text "
                "approved_at:instant prices_edited_at:instant revenue_flags:text renewal_key:text"
            ),
        ),
        Entity(
            name="deal_lines", system="salesforce", recon="R2", side="deal_line", amount="amount",
            fields=_fields(
                "id*:id opportunity_id*:id product:text quantity:decimal list_price:decimal amount:money "
                "currency:currency edited_at:instant"
            ),
        ),
        Entity(
            name="price_books", system="salesforce", recon="R2", side="price_book",
            fields=_fields("id*:id name:text is_active:boolean"),
        ),
        Entity(
            name="customers", system="erp", recon="R1", side="customer",
            fields=_fields(
                "id*:id name*:text country:text currency:currency tax_id?:text email!=:text crm_account_id:id "
                "parent_id:id legal_hold:boolean"
            ),
        ),
        Entity(
            name="orders", system="erp", recon="R2", side="order", amount="amount", dated_on="order_date",
            fields=_fields(
                "id*:id number*:text customer_id*:id order_date*:date currency*:currency amount*:money status:status "
                "opportunity_id:id"
            ),
        ),
        Entity(
            name="invoices", system="erp", recon="R3", side="invoice", amount="gross", dated_on="issue_date",
            fields=_fields(
                "id*:id number*:text customer_id*:id order_id:id issue_date*:date due_date*:date currency*:currency "
                "net+:money tax+:money gross*+:money status:status disputed:boolean promised_until:date"
            ),
            checked=_fields("open:money"),
        ),
        Entity(
            name="credit_notes", system="erp", recon="R3", side="credit_note", amount="gross", dated_on="issue_date",
            fields=_fields(
                "id*:id number*:text customer_id*:id invoice_id:id issue_date*:date currency*:currency gross*:money"
            ),
        ),
        Entity(
            name="subscriptions", system="erp", recon="R5", side="subscription",
            fields=_fields(
                "id*:id customer_id*:id start_date*:date end_date:date currency*:currency quantity*:decimal "
                "unit_price*:decimal interval*:interval status:status renewal_date:date arr:money"
            ),
        ),
        Entity(
            name="amendments", system="erp", recon="R5", side="amendment",
            fields=_fields(
                "id*:id subscription_id*:id sequence*:integer type*:text effective_date*:date quantity:decimal "
                "unit_price:decimal"
            ),
        ),
        Entity(
            name="payments", system="payments", recon="R3", side="payment", amount="amount", dated_on="paid_on",
            fields=_fields(
                "id*:id customer_id:id payer_text!=:text reference:text currency*:currency amount*:money fee:money "
                "paid_on*:date status:status invoice_id:id"
            ),
        ),
        Entity(
            name="attempts", system="payments", recon="R3", side="attempt",
            fields=_fields(
                "id*:id payment_id*:id invoice_id:id attempt_no*:integer outcome*:text decline_code:text "
                "occurred_at*:instant network_code:text advice_code:text scheme:text card!=:text"
            ),
        ),
        Entity(
            name="refunds", system="payments", recon="R3", side="refund", amount="amount", dated_on="created_on",
            fields=_fields("id*:id payment_id*:id currency*:currency amount*+:money created_on*:date status:status"),
        ),
        Entity(
            name="disputes", system="payments", recon="R3", side="dispute", amount="amount", dated_on="opened_on",
            fields=_fields("id*:id payment_id*:id currency*:currency amount*+:money opened_on*:date status:status"),
        ),
        Entity(
            name="payouts", system="payments", recon="R4", side="payout", amount="net", dated_on="arrival_date",
            fields=_fields(
                "id*:id currency*:currency gross:money fee:money net*:money arrival_date*:date status:status"
            ),
        ),
        Entity(
            name="payout_items", system="payments", recon="R4", side="payout_item", amount="net",
            key=("payout_id", "payment_id", "type"), repeats=True,
            fields=_fields(
                "payout_id*:id payment_id:id type*:text currency*:currency gross*:money fee:money net*:money"
            ),
        ),
        Entity(
            name="bank_lines", system="bank", recon="R4", side="bank_line", amount="amount", dated_on="value_date",
            fields=_fields(
                "id*:id account*!=:text value_date*:date currency*:currency amount*:money reference:text "
                "payer_text!=:text"
            ),
        ),
        Entity(
            name="fx_rates", system="fx", recon="all", side="fx_rate", dated_on="rate_date",
            key=("rate_date", "from_currency", "to_currency", "source"),
            fields=_fields(
                "rate_date*:date from_currency*:currency to_currency*:currency rate*:decimal source:text"
            ),
        ),
    )
}  # fmt: skip

COMPARED: dict[str, tuple[str, ...]] = {
    "customers": ("name_head", "name_likeness"),
    "payments": ("payer_head", "payer_key", "payer_likeness"),
    "bank_lines": ("payer_head", "payer_key"),
}
"""What compares names of payers that are sealed, beside an entity's fields; empty where they are in clear."""

LOOKED_AT: dict[str, tuple[str, str]] = {
    **{name: (name, "native_id") for name in ("opportunities", "payments", "refunds", "disputes")},
    "deal_lines": ("lines_of_deals", "opportunity_id"),
}
"""Entities whose rows are held against looks: what is looked at, and what in a row names that. They keep as of when."""
