"""Tryton as a ledger: customers, orders, invoices, payments and credit notes, each made once.

What is made carries its key in a field the database keeps unique (include/tryton_module): the ERP itself refuses a
second one. A record found by its key is taken on from the state the last attempt left it in.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import wraps
from traceback import extract_tb
from typing import Any, Concatenate, ParamSpec, TypeVar

from include.connectors.tryton import documents
from include.connectors.tryton.client import Record, TrytonClient
from include.connectors.tryton.documents import native
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.text_keys import short_id
from include.ledger import Booked, NewCreditNote, NewCustomer, NewOrder, NewPayment
from include.ports import Rejected, Retryable, Uncertain

KEY = "tieout_key"
_SHOWN = ("number", "state")
_STATED = (*_SHOWN, KEY, "party", "reference", "currency.code", "lines.quantity", "lines.unit_price")
_UNCONFIRMED = ("draft", "quotation")
STEPS_MAX = 10

_P = ParamSpec("_P")
_T = TypeVar("_T")
log = logging.getLogger(__name__)

Step = Callable[[Record], Record]


def _or_uncertain(
    act: Callable[Concatenate["TrytonLedger", _P], _T],
) -> Callable[Concatenate["TrytonLedger", _P], _T]:
    """An act that was cut off after it wrote, or of which the ERP shows what no record is: somebody must look."""

    @wraps(act)
    def acted(ledger: "TrytonLedger", /, *args: _P.args, **named: _P.kwargs) -> _T:
        before = ledger.client.writes
        try:
            return act(ledger, *args, **named)
        except Retryable as cut_off:
            if ledger.client.writes == before:
                raise
            raise Uncertain(f"{cut_off}; what came before it is written") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as odd:
            # Where, and nothing of what: an answer may quote anybody.
            at = extract_tb(odd.__traceback__)[-1]
            log.warning(
                "the ERP's answer to %s could not be read: line %s of %s", act.__name__, at.lineno, at.name
            )
            raise Uncertain(
                f"ERP: what it shows of {act.__name__.replace('_', ' ')} is not what its API promises "
                f"({type(odd).__name__}); it may have been done all the same"
            ) from None

    return acted


class TrytonLedger:
    """Writes to one company of one database. The wizards need a login; all else the key."""

    def __init__(self, client: TrytonClient, wizards: TrytonWizards) -> None:
        self.client, self._wizards = client, wizards

    @_or_uncertain
    def customer(self, new: NewCustomer) -> Booked:
        """The party of a CRM account; one merged into another counts as that one."""
        fields = ("code", "replaced_by")
        found = self._once(
            "party.party", ("crm_account", new.crm_account), lambda: documents.party(self._one, new), fields
        )
        if found.get("replaced_by") is not None:
            found = self._one("party.party", [["id", "=", found["replaced_by"]]], fields)
        return Booked(native_id=str(found["id"]), number=str(found["code"] or ""), state="active")

    @_or_uncertain
    def order(self, new: NewOrder) -> Booked:
        """The sale of this key, confirmed; Tryton processes it after that, at once or by its queue.

        One that an attempt began and never confirmed may be over what its deal no longer is: then it is written anew.
        So is one begun under another key, for a win before: left behind, it would be a second order to confirm.
        """
        found = self._once(
            "sale.sale",
            (KEY, new.key),
            lambda: documents.sale(self._one, new),
            _STATED,
            begun=lambda: self._taken_on(new),
        )
        try:
            self._refuse_another(found, new)
        except Rejected:
            if found["state"] not in _UNCONFIRMED:
                raise
            found = self._rewritten(found, new)
            self._refuse_another(found, new)
        steps = self._buttons("sale.sale", {"draft": "quote", "quotation": "confirm"}, _SHOWN)
        return _booked(self._advance("sale.sale", found, steps, _SHOWN))

    @_or_uncertain
    def order_placed(self, new: NewOrder) -> Booked | None:
        """The sale of this key as it stands. Raises Rejected when it is not what is asked for."""
        found = self._find("sale.sale", [[KEY, "=", new.key]], _STATED)
        if found is None:
            return None
        self._refuse_another(found, new)
        return _booked(found)

    @_or_uncertain
    def order_of(self, opportunity_id: str) -> Booked | None:
        """The first sale that names the opportunity, by either form of its id, and is not cancelled."""
        names = [opportunity_id, short_id(opportunity_id)]
        domain = [["reference", "in", names], ["state", "!=", "cancelled"]]
        found = self._find("sale.sale", domain, (*_SHOWN, KEY))
        return _booked(found) if found else None

    @_or_uncertain
    def invoice(self, order_id: str, *, issued_on: date) -> Sequence[Booked]:
        """The invoices of a sale, those in draft dated and posted."""
        sale = self._one("sale.sale", [["id", "=", native(order_id)]], ("state", "invoices"))
        if not sale["invoices"]:
            raise Retryable(f"ERP sale.sale/{order_id} ({sale['state']}) has no invoice yet")
        return [_booked(self._post(one, issued_on)) for one in sale["invoices"]]

    @_or_uncertain
    def invoice_line(self, order_id: str, *, line: int, key: str, issued_on: date) -> Booked:
        """The invoice of one line: our module's button `bill` makes it, once; then it has its key, and is posted."""
        sale = self._one("sale.sale", [["id", "=", native(order_id)]], ("state", "invoice_method", "lines"))
        if sale["invoice_method"] != documents.LINE_BY_LINE or line > len(sale["lines"]):
            raise Rejected(f"ERP sale.sale/{order_id} is not billed line by line, or has no line {line}")
        if sale["state"] not in ("processing", "done"):
            raise Retryable(f"ERP sale.sale/{order_id} is {sale['state']}: not processed yet")
        line_id = sale["lines"][line - 1]
        fields = ("invoice_lines.invoice",)
        of_line = self._one("sale.line", [["id", "=", line_id]], fields)
        if not of_line["invoice_lines"]:
            self.client.act("sale.line", line_id, "bill", fields=fields)
            of_line = self._one("sale.line", [["id", "=", line_id]], fields)
        made = {one["invoice"] for one in of_line["invoice_lines"]}
        if len(made) != 1:
            raise Rejected(f"ERP sale.line/{line_id} has {len(made)} invoices, where it is to have one")
        return self._keyed(made.pop(), key, issued_on)

    def _keyed(self, invoice_id: Any, key: str, issued_on: date) -> Booked:
        """A draft invoice with its key, posted; one that has it already as it is."""
        found = self._one("account.invoice", [["id", "=", invoice_id]], (*_SHOWN, KEY))
        if found[KEY] is None and found["state"] == "draft":
            found = self.client.change("account.invoice", invoice_id, {KEY: key}, fields=(*_SHOWN, KEY))
        return _booked(self._post(invoice_id, issued_on))

    @_or_uncertain
    def payment(self, new: NewPayment) -> Booked:
        """The payment of this key: submitted, processed by the wizard, and marked as succeeded."""
        fields = (*_SHOWN, "amount")
        found = self._once(
            "account.payment", (KEY, new.key), lambda: documents.payment(self._one, new), fields
        )
        if documents.amount(found["amount"]) != new.amount:
            raise Rejected(f"ERP account.payment/{found['id']} has this key and another amount")
        steps = self._buttons("account.payment", {"draft": "submit", "processing": "succeed"}, fields)
        steps["submitted"] = lambda record: self._process(record, fields)
        return _booked(self._advance("account.payment", found, steps, fields))

    @_or_uncertain
    def credit_note(self, new: NewCreditNote) -> Booked:
        """An invoice below zero whose lines name those of the invoice it takes back."""
        found = self._once(
            "account.invoice", (KEY, new.key), lambda: documents.credit_note(self._one, new), _SHOWN
        )
        steps = self._buttons("account.invoice", {"draft": "post", "validated": "post"}, _SHOWN)
        return _booked(self._advance("account.invoice", found, steps, _SHOWN))

    def _post(self, invoice_id: Any, issued_on: date) -> Record:
        fields = (*_SHOWN, "invoice_date")
        found = self._one("account.invoice", [["id", "=", invoice_id]], fields)
        if found["state"] == "draft" and found["invoice_date"] is None:
            dated = {"invoice_date": documents.day(issued_on)}
            found = self.client.change("account.invoice", invoice_id, dated, fields=fields)
        steps = self._buttons("account.invoice", {"draft": "post", "validated": "post"}, fields)
        return self._advance("account.invoice", found, steps, fields)

    def _process(self, record: Record, fields: Sequence[str]) -> Record:
        self._wizards.run(
            "account.payment.process",
            model="account.payment",
            records=[record["id"]],
            company=self.client.company,
        )
        return self._one("account.payment", [["id", "=", record["id"]]], fields)

    def _buttons(self, model: str, actions: Mapping[str, str], fields: Sequence[str]) -> dict[str, Step]:
        def pressing(action: str) -> Step:
            return lambda record: self.client.act(model, record["id"], action, fields=fields)

        return {state: pressing(action) for state, action in actions.items()}

    def _once(
        self,
        model: str,
        key: tuple[str, str],
        values: Callable[[], Record],
        fields: Sequence[str],
        *,
        begun: Callable[[], Record | None] = lambda: None,
    ) -> Record:
        """The record of a key, made when there is none; `begun`: what becomes it instead of being left behind."""
        domain = [[key[0], "=", key[1]]]
        if found := self._find(model, domain, fields) or begun():
            return found
        try:
            return self.client.create(model, {**values(), key[0]: key[1]}, fields=fields)
        except (Rejected, Uncertain):
            # Somebody else was first, or only the answer was lost: either way it is there under its key.
            if found := self._find(model, domain, fields):
                return found
            raise

    def _advance(
        self, model: str, record: Record, steps: Mapping[str, Step], fields: Sequence[str]
    ) -> Record:
        """Take the steps that lead on from the record's state, until none does."""
        for _ in range(STEPS_MAX):
            state = record["state"]
            if state not in steps:
                return self._one(model, [["id", "=", record["id"]]], fields)
            try:
                after = steps[state](record)
                record = after or self._one(model, [["id", "=", record["id"]]], fields)
            except (Rejected, Uncertain):
                # The step may be taken: by another worker, or by us with the answer lost.
                record = self._one(model, [["id", "=", record["id"]]], fields)
                if record["state"] == state:
                    raise
            if record["state"] == state:
                break
        raise Retryable(f"ERP {model}/{record['id']} stays in state {record['state']}")

    def _taken_on(self, new: NewOrder) -> Record | None:
        """A sale of ours of this deal that nobody confirmed, over what is asked for now and under its key."""
        of_deal = [["reference", "=", new.opportunity_id], ["state", "in", list(_UNCONFIRMED)]]
        # Not one of this key: it has just been made, by another worker.
        ours = [[KEY, "!=", None], [KEY, "!=", new.key]]
        begun = self._find("sale.sale", [*of_deal, *ours], _STATED)
        return self._rewritten(begun, new) if begun else None

    def _rewritten(self, sale: Record, new: NewOrder) -> Record:
        """A sale nobody confirmed, over what is asked for now."""
        sale_id = sale["id"]
        if sale["state"] == "quotation":
            self.client.act("sale.sale", sale_id, "draft", fields=_SHOWN)
        lines = self._one("sale.sale", [["id", "=", sale_id]], ("lines",))["lines"]
        values = documents.sale(self._one, new)
        values = {**values, KEY: new.key, "lines": [["delete", lines], *values["lines"]]}
        self.client.change("sale.sale", sale_id, values, fields=_SHOWN)
        return self._one("sale.sale", [["id", "=", sale_id]], _STATED)

    def _refuse_another(self, found: Record, new: NewOrder) -> None:
        """Raise Rejected when a sale is not for whom and over what is asked for."""
        party = str(found["party"])
        stated = (found["reference"], found["currency"]["code"], documents.priced(found["lines"]))
        asked = sorted((line.quantity, line.unit_price) for line in new.lines)
        if stated != (new.opportunity_id, new.currency, asked):
            raise Rejected(
                f"ERP sale.sale/{found['id']} has this key and is another order",
                reason="KEY_PAYLOAD_MISMATCH",
            )
        if party != new.customer_id and not self._merged(new, party):
            raise Rejected(
                f"ERP sale.sale/{found['id']} has this key and another customer",
                reason="KEY_PAYLOAD_MISMATCH",
            )

    def _merged(self, new: NewOrder, party: str) -> bool:
        """Whether the customer asked for was merged into the order's after it was made."""
        found = self._find("party.party", [["id", "=", native(new.customer_id)]], ("replaced_by",))
        return found is not None and str(found["replaced_by"]) == party

    def _find(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> Record | None:
        found = self.client.search(model, domain=domain, fields=fields, order=["id"], size=1)
        return found[0] if found else None

    def _one(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> Record:
        found = self._find(model, domain, fields)
        if found is None:
            named = ", ".join(str(clause[2]) for clause in domain)
            raise Rejected(f"the ERP has no {model} {named}")
        return found


def _booked(record: Record) -> Booked:
    return Booked(
        native_id=str(record["id"]),
        number=str(record["number"] or ""),
        state=str(record["state"]),
        key=str(record.get(KEY) or ""),
    )
