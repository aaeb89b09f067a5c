"""The part of Tryton 8.2 that the twin's ERP has: models, their fields, and what people call them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

STAMPS = "create_date:datetime write_date:datetime last_modified_at:datetime rec_name:text id:id"

_SCHEMA = {
    "ir.model": "name:text",
    "ir.model.access": "model:text group:res.group perm_read:bool perm_write:bool perm_create:bool perm_delete:bool",
    "ir.rule": "domain:text",
    "ir.rule.group": (
        "name:text model:text global_p:bool perm_write:bool perm_create:bool perm_delete:bool groups:[res.group] "
        "rules:[ir.rule]"
    ),
    "res.user": "name:text administrator:bool groups:[res.group]",
    "res.group": "name:text",
    "res.user.application": "application:text state:text user:res.user",
    "company.company": "currency:currency.currency party:party.party",
    "country.country": "code:text name:text",
    "currency.currency": "code:text name:text digits:int",
    "party.party": (
        "name:text code:text active:bool email:text crm_account:text parent:party.party replaced_by:party.party "
        "addresses:[party.address] identifiers:[party.identifier] tax_identifier:party.identifier "
        "contact_mechanisms:[party.contact_mechanism] customer_currency:currency.currency "
        "customer_payment_term:account.invoice.payment_term legal_hold:bool"
    ),
    "party.address": "party:party.party street:text country:country.country",
    "party.identifier": "party:party.party type:text code:text",
    "party.contact_mechanism": "party:party.party type:text value:text",
    "account.invoice.payment_term": "name:text",
    "account.tax": "name:text rate:decimal",
    "product.category": "name:text customer_taxes:[account.tax]",
    "product.template": "name:text account_category:product.category",
    "product.product": "code:text template:product.template default_uom:product.uom",
    "product.uom": "name:text",
    "sale.sale": (
        "company:company.company party:party.party number:text reference:text state:text sale_date:date "
        "currency:currency.currency untaxed_amount:decimal tax_amount:decimal total_amount:decimal "
        "invoice_address:party.address shipment_address:party.address tieout_key:text "
        "payment_term:account.invoice.payment_term lines:[sale.line] invoices:[account.invoice] description:text "
        "invoice_method:text"
    ),
    "sale.line": (
        "sale:sale.sale product:product.product unit:product.uom quantity:float unit_price:decimal "
        "description:text taxes:[account.tax] invoice_lines:[account.invoice.line]"
    ),
    "account.invoice": (
        "company:company.company party:party.party number:text reference:text state:text type:text "
        "invoice_date:date sequence_type_cache:text currency:currency.currency untaxed_amount:decimal "
        "tax_amount:decimal total_amount:decimal amount_to_pay:decimal reconciled:date account:int journal:int "
        "invoice_address:party.address payment_term:account.invoice.payment_term tieout_key:text disputed:bool "
        "promised_until:date "
        "lines:[account.invoice.line] lines_to_pay:[account.move.line] sales:[sale.sale] "
        "origin_invoices:[account.invoice]"
    ),
    "account.invoice.line": (
        "invoice:account.invoice type:text currency:currency.currency origin:text account:int "
        "product:product.product unit:product.uom quantity:float unit_price:decimal description:text "
        "taxes:[account.tax]"
    ),
    "account.move.line": "maturity_date:date reconciliation:int payment_amount:decimal",
    "account.payment.journal": "name:text currency:currency.currency",
    "account.payment": (
        "company:company.company journal:account.payment.journal kind:text party:party.party "
        "line:account.move.line amount:decimal date:date reference:text number:text state:text tieout_key:text"
    ),
    "sale.subscription": (
        "company:company.company party:party.party number:text reference:text state:text start_date:date "
        "end_date:date renewal_date:date currency:currency.currency arr:decimal lines:[sale.subscription.line] "
        "invoice_recurrence:sale.subscription.recurrence.rule.set invoice_address:party.address"
    ),
    "sale.subscription.line": (
        "subscription:sale.subscription service:sale.subscription.service quantity:float unit_price:decimal "
        "unit:product.uom start_date:date consumption_recurrence:sale.subscription.recurrence.rule.set"
    ),
    "sale.subscription.service": "product:product.product",
    "sale.subscription.recurrence.rule.set": "name:text rules:[sale.subscription.recurrence.rule]",
    "sale.subscription.recurrence.rule": "freq:text interval:int",
    "sale.subscription.amendment": (
        "subscription:sale.subscription sequence:int type:text effective_date:date quantity:decimal "
        "unit_price:decimal"
    ),
}

_TYPES: dict[str, type] = {
    "text": str,
    "int": int,
    "float": float,
    "decimal": Decimal,
    "bool": bool,
    "date": date,
    "datetime": datetime,
}

LABELS = {
    "sale.sale": "Sale",
    "party.party": "Party",
    "account.invoice": "Account Invoice",
    "account.payment": "Account Payment",
    "sale.subscription": "Subscription",
}

REQUIRED = {
    "sale.sale": ("party", "currency"),
    "account.invoice": ("party", "currency", "account", "journal", "type"),
    "account.payment": ("journal", "party", "amount", "date"),
    "sale.subscription": ("party", "currency", "start_date"),
}

UNIQUE = {
    "party.party": {"crm_account": "The CRM account belongs to another party already."},
    **{
        model: {"tieout_key": 'The key "tieout_key" names another record already.'}
        for model in ("sale.sale", "account.invoice", "account.payment")
    },
}
"""Model -> field -> Tryton's words when a second record has its value."""


@dataclass(frozen=True)
class Field:
    """`kind` is the type of its values; `target` the model it refers to, of `many` records or of one."""

    kind: type
    target: str = ""
    many: bool = False


def _field(word: str) -> tuple[str, Field]:
    name, kind = word.split(":")
    if kind in _TYPES:
        return name, Field(_TYPES[kind])
    if kind == "id":
        return name, Field(int)
    return name, Field(int, target=kind.strip("[]"), many=kind.startswith("["))


SCHEMA: dict[str, dict[str, Field]] = {
    model: dict(_field(word) for word in f"{words} {STAMPS}".split()) for model, words in _SCHEMA.items()
}


def label(field: str) -> str:
    """What people call a field: sale_date is Sale Date."""
    return field.replace("_", " ").title()
