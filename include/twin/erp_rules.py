"""What Tryton does with records: what it refuses, in its words, and what its buttons bring about.

The words are those a real Tryton 8.2 said, with the module `tieout`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from include.twin import erp_documents as documents
from include.twin.erp_database import Database, Record, UnknownName, from_json
from include.twin.erp_models import COMPANY
from include.twin.erp_schema import LABELS, REQUIRED, SCHEMA, UNIQUE, Field, label


class RuleBroken(Exception):
    """A business rule: Tryton's UserError, with its words. `kind` is its name in JSON-RPC."""

    kind = "UserError"


class Warned(RuleBroken):
    """Tryton asks whether it is meant; unanswered, it is a refusal."""

    kind = "UserWarning"


class NoSuchButton(Exception):
    """The model has no such action."""


_TRANSITIONS: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "sale.sale": {
        "quote": (("draft",), "quotation"),
        "confirm": (("quotation",), "confirmed"),
        "cancel": (("draft", "quotation"), "cancelled"),
        "draft": (("quotation", "cancelled"), "draft"),
    },
    "account.invoice": {
        "post": (("draft", "validated"), "posted"),
        "validate_invoice": (("draft",), "validated"),
        "cancel": (("draft", "validated", "posted"), "cancelled"),
    },
    "account.payment": {
        "submit": (("draft",), "submitted"),
        "approve": ((), "approved"),  # for what is paid out; what comes in is processed by a wizard alone
        "draft": (("submitted",), "draft"),
        "succeed": (("processing",), "succeeded"),
        "fail": (("processing",), "failed"),
    },
    "sale.subscription": {
        "quote": (("draft",), "quotation"),
        "run": (("quotation",), "running"),
        "draft": (("quotation", "running"), "draft"),
        "close": (("running",), "closed"),
    },
}
"""Model -> button -> the states it may be pressed in, and the state it leads to."""

_AFTER = {
    ("sale.sale", "quote"): documents.number_sale,
    ("sale.sale", "confirm"): documents.process_sale,
    ("account.payment", "succeed"): documents.settle,
    ("sale.subscription", "quote"): documents.number_subscription,
    ("sale.subscription", "run"): documents.log_amendment,
}
_OWNERS = frozenset({"party", "sale", "invoice", "subscription"})
_PARTS = frozenset({"lines", "addresses", "identifiers", "contact_mechanisms"})
_EXCLUDED = {"disputed", "promised_until", "reference", "lines"}
"""Fields of a posted invoice that Tryton's own check lets pass, as far as no form locks them."""
_LOCKED = {
    "sale.sale": (("sale_date", "party", "currency", "lines", "payment_term"), ("draft",)),
    "account.invoice": (("invoice_date", "party", "currency", "lines", "reference"), ("draft",)),
    "account.payment": (("amount", "party", "date", "journal", "line"), ("draft",)),
}
"""Model -> the fields its form locks, and the states it does not lock them in."""


def create(database: Database, model: str, values: Mapping[str, Any]) -> Record:
    """A record, with those given with it. Raises RuleBroken, UnknownName."""
    fields = database.table(model).fields
    given = {name: _given(fields, name, value) for name, value in values.items()}
    _check_required(model, given, fields)
    record = database.add(model, documents.defaults(model, COMPANY) | _plain(given, fields))
    _check(database, model, record, given)
    _join_whole(database, model, record)
    for name, value in given.items():
        if fields[name].many:
            _command(database, model, record, name, value)
    documents.compute(database, model, record)
    return record


def change(database: Database, model: str, record: Record, values: Mapping[str, Any]) -> None:
    """Raises RuleBroken, UnknownName."""
    fields = database.table(model).fields
    given = {name: _given(fields, name, value) for name, value in values.items()}
    _refuse_locked(model, record, given)
    database.set(model, record, _plain(given, fields))
    _check(database, model, record, given)
    for name, value in given.items():
        if fields[name].many:
            _command(database, model, record, name, value)
    documents.compute(database, model, record)


def delete(database: Database, model: str, record: Record) -> None:
    """Raises RuleBroken when the record is needed, by law or by another record."""
    named = f'"{documents.rec_name(record)}"'
    if model == "account.invoice" and record["state"] not in {"draft", "cancelled"}:
        raise RuleBroken(f"You cannot modify invoice {named} because it is posted, paid or cancelled.")
    if model == "sale.sale" and record["state"] not in {"draft", "cancelled"}:
        raise RuleBroken(f"To delete sale {named} you must cancel it.")
    if model == "account.payment" and record["state"] != "draft":
        raise RuleBroken(f"To delete payment {named} you must reset it to draft state.")
    for other, holding in SCHEMA.items():
        for name, one in holding.items():
            if one.target == model and not one.many and name in REQUIRED.get(other, ()):
                held = next((row for row in database.table(other).all() if row[name] == record["id"]), None)
                if held:
                    where = f'record "{documents.rec_name(held)}" of "{LABELS.get(other, other)}"'
                    raise RuleBroken(f'A value is required for field "{label(name)}" in {where}.')
    for name, whole, parts in _wholes(database, model):
        if record[name] is not None:
            owner = database.get(whole, record[name])
            database.set(whole, owner, {parts: [one for one in owner[parts] if one != record["id"]]})
            documents.compute(database, whole, owner)
    database.remove(model, record)


def press(database: Database, model: str, record: Record, button: str) -> None:
    """Raises RuleBroken, NoSuchButton."""
    if (model, button) == ("sale.line", "bill"):
        documents.bill_line(database, record)
        return
    transition = _TRANSITIONS.get(model, {}).get(button)
    if transition is None:
        raise NoSuchButton(button)
    states, leads_to = transition
    if record["state"] not in states:
        named = f'"{documents.rec_name(record)}" of "{LABELS[model]}"'
        raise RuleBroken(f'You can not call "{button}" on {named}.')
    if button == "post" and (why := documents.why_not_numbered(database, record)):
        raise RuleBroken(why)
    if button == "post":
        documents.post(database, record)
    database.set(model, record, {"state": leads_to})
    if after := _AFTER.get((model, button)):
        after(database, record)


def process_payments(database: Database, ids: Sequence[Any]) -> None:
    """What the wizard account.payment.process does. Raises Warned on one that overpays."""
    for native_id in ids:
        payment = database.get("account.payment", native_id)
        if payment["state"] != "submitted":
            continue
        owed = documents.owed_beside(database, payment)
        if owed is not None and owed < payment["amount"]:
            line = f"{payment['line']}"
            raise Warned(f'Payment "{documents.rec_name(payment)}" overpays line "{line}".')
        database.set("account.payment", payment, {"state": "processing"})


def _given(fields: Mapping[str, Field], name: str, value: Any) -> Any:
    if name not in fields:
        raise UnknownName(name)
    return from_json(value)


def _plain(given: Mapping[str, Any], fields: Mapping[str, Field]) -> Record:
    return {
        name: float(value) if fields[name].kind is float and value is not None else value
        for name, value in given.items()
        if not fields[name].many
    }


def _check_required(model: str, given: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    for name in REQUIRED.get(model, ()):
        if given.get(name) is None and name in fields:
            raise RuleBroken(f'A value is required for field "{label(name)}" in "{LABELS[model]}".')


def _check(database: Database, model: str, record: Record, given: Mapping[str, Any]) -> None:
    fields = database.table(model).fields
    for name, value in given.items():
        target = fields[name].target
        if target and not fields[name].many and value is not None and not database.find(target, value):
            where = f'field "{label(name)}" in "{LABELS.get(model, model)}"'
            raise RuleBroken(f'The value "{value}" for {where} does not exist.')
    for name, words in UNIQUE.get(model, {}).items():
        if given.get(name) is not None and any(
            row[name] == given[name] for row in database.table(model).all() if row is not record
        ):
            raise RuleBroken(words)


def _refuse_locked(model: str, record: Record, given: Mapping[str, Any]) -> None:
    locked, open_in = _LOCKED.get(model, ((), ()))
    if not open_in or record["state"] in open_in:
        return
    for name in given:
        if name in locked:
            named = f'record "{documents.rec_name(record)}" of "{LABELS[model]}"'
            raise RuleBroken(f'You are not allowed to modify the field "{label(name)}" in {named}.')
    if model == "account.invoice" and set(given) - _EXCLUDED:
        raise RuleBroken(
            f'You cannot modify invoice "{documents.rec_name(record)}" because it is posted, paid or cancelled.'
        )


def _command(database: Database, model: str, record: Record, name: str, commands: Any) -> None:
    """Tryton's way to write a list: [["create", [values]], ["add", [ids]], ["write", [ids], values]]."""
    target = database.table(model).fields[name].target
    for action, *parts in commands or []:
        if action == "create":
            for values in parts[0]:
                create(database, target, _owned(database, target, model, record, values))
        elif action == "add":
            record[name] = [*record[name], *parts[0]]
        elif action == "write":
            for native_id in parts[0]:
                change(database, target, database.get(target, native_id), parts[1])
        elif action in {"remove", "delete"}:
            record[name] = [one for one in record[name] if one not in parts[0]]


def _owned(
    database: Database, target: str, model: str, record: Record, values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A part names the record it is a part of."""
    owner = next((name for name, whole, _ in _wholes(database, target) if whole == model), None)
    return {**values, owner: record["id"]} if owner else values


def _join_whole(database: Database, model: str, record: Record) -> None:
    """The record a part names lists it."""
    for name, whole, parts in _wholes(database, model):
        if record[name] is not None:
            owner = database.get(whole, record[name])
            owner[parts] = [*owner[parts], record["id"]]


def _wholes(database: Database, model: str) -> list[tuple[str, str, str]]:
    """Where a part names what it is a part of: its field, the whole's model, and the list there."""
    return [
        (name, one.target, parts)
        for name, one in database.table(model).fields.items()
        if one.target and not one.many and name in _OWNERS
        for parts, listed in database.table(one.target).fields.items()
        if listed.many and listed.target == model and parts in _PARTS
    ]


def access(database: Database, models: Sequence[str]) -> dict[str, dict[str, bool]]:
    """What our user may do with models: everything as an administrator, else what rows of its groups say."""
    [user] = database.table("res.user").all()
    rows = [one for one in database.table("ir.model.access").all() if one["group"] in user["groups"]]
    return {
        model: {
            grant: bool(user["administrator"])
            or any(row[f"perm_{grant}"] for row in rows if row["model"] == model)
            for grant in ("read", "write", "create", "delete")
        }
        for model in models
    }
