"""Effects on Salesforce: which message becomes which row, and what became of each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from include.connectors.outcomes import DETAIL_CHARS, stopped, unknown_kind
from include.connectors.salesforce.translate import TARGETS, TURN
from include.connectors.salesforce.writer import COLLECTION_ROWS_MAX, SalesforceWriter
from include.domain.delivery import Allowance, Message, Outcome
from include.domain.shown import cut
from include.ports import Fatal, Rejected, Retryable, Translated, Written

Body = Mapping[str, Any]
_SUBJECT_CHARS = 255


def _invoice(body: Body) -> Translated:
    told = ("number", "account_id", "opportunity_id", "currency", "gross", "status")
    return {"id": body["invoice_id"], "open_amount": body["open"]} | {name: body[name] for name in told}


def _deal(body: Body) -> Translated:
    return {"id": body["opportunity_id"], "payment_status": body["status"]}


def _reference(body: Body) -> Translated:
    return {"id": body["opportunity_id"], "erp_order_id": body["order_id"]}


def _flags(body: Body) -> Translated:
    return {"id": body["opportunity_id"], "rev_rec_flag": body["flags"]}


def _activity(body: Body) -> Translated:
    return {name: body[name] for name in ("id", "type", "account_id", "currency", "amount", "status")}


def _subscription(body: Body) -> Translated:
    told = {name: value for name, value in body.items() if name != "subscription_id"}
    return {"id": body["subscription_id"], "number": body["subscription_id"], **told}


def _renewal(body: Body) -> Translated:
    """The opportunity to be, as it begins; from then on it is its owner's."""
    told = ("name", "account_id", "stage", "type", "close_date", "owner_id", "arr", "renewal_date")
    return {"key": body["renewal_key"]} | {name: body[name] for name in told}


def _renewed(body: Body) -> Translated:
    return {"id": body["opportunity_id"], "arr": body["arr"], "renewal_date": body["renewal_date"]}


def _task(body: Body) -> Translated:
    return {
        "subject": cut(body["title"], _SUBJECT_CHARS),
        "what_id": body.get("opportunity_id") or body.get("account_id"),
        "owner_id": body.get("owner_id"),
        "priority": "High",
        "description": body.get("proof") or body.get("failed"),
    }


ROWS: Mapping[str, tuple[str, Callable[[Body], Translated]]] = {
    "invoice_status": ("invoices", _invoice),
    "deal_status": ("opportunities", _deal),
    "order_reference": ("opportunities", _reference),
    "revenue_flags": ("opportunities", _flags),
    "payment_activity": ("payment_activities", _activity),
    "subscription_status": ("subscriptions", _subscription),
    "renewal_deal": ("renewals", _renewal),
    "deal_renewed": ("opportunities", _renewed),
    "task": ("tasks", _task),
    "dunning": ("tasks", _task),
}
"""Kind of message -> what is written, and how its body says so. Nothing unknown is written: it stays as it is."""

INVOICES, ACTIVITIES = "invoices", "payment_activities"
ORDER = ("accounts", INVOICES, "opportunities", "renewals", ACTIVITIES, "subscriptions", "tasks")
"""What others refer to is written first, and of the rest what people wait for: how an invoice stands. (No deal is made
here but renewals, which no invoice is of yet.)"""

TASKS = "tasks"
RENEWALS = "renewals"
"""Tasks and deals once made are their owners': sent again a task would be opened again, a deal put back to its first
stage. So they are looked for first, if they may be there. All else may be written twice."""


ALIKE: Mapping[str, Sequence[str]] = {
    TASKS: ("what_id", "subject"),
    RENEWALS: ("account_id", "type", "close_date"),
}
"""By what another's row is known to be the same as ours, though it has no key of ours."""

_INVOICE_MISSING = Rejected("the invoice it is about is not in Salesforce yet", reason="REF_MISSING")


class SalesforceEffects:
    """Salesforce as a target."""

    system = "salesforce"
    most = COLLECTION_ROWS_MAX

    def __init__(self, writer: SalesforceWriter) -> None:
        self._writer = writer

    @property
    def allowance(self) -> Allowance | None:
        """The day's calls, once Salesforce has said how many there are."""
        budget = self._writer.budget
        return Allowance(budget.used, budget.limit) if budget.limit else None

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """The tasks and renewals there are. What says how something is may be said again. Raises Retryable, Fatal."""
        found: dict[str, str] = {}
        for entity in (TASKS, RENEWALS):
            keys = {
                str(_row(message)["key"]): message.key for message in messages if _entity(message) == entity
            }
            there = self._writer.look(entity, sorted(keys)) if keys else {}
            found |= {keys[key]: native_id for key, native_id in there.items()}
        return found

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Tasks of the same words on the same record, and deals that renew the same account on the same day, of others.

        What says how something is may be said again. Raises Retryable, Fatal.
        """
        found: dict[str, str] = {}
        for entity, by in ALIKE.items():
            some = [message for message in messages if _entity(message) == entity]
            ids = self._writer.others(entity, [_row(message) for message in some], by=by) if some else []
            found |= {one.key: native_id for one, native_id in zip(some, ids, strict=True) if native_id}
        return found

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """Every row by its key."""
        by_entity: defaultdict[str, list[Message]] = defaultdict(list)
        outcomes: dict[str, Outcome] = {}
        for message in messages:
            if entity := _entity(message):
                by_entity[entity].append(message)
            else:
                outcomes[message.key] = stopped(unknown_kind(message, system="Salesforce"))
        for entity in sorted(by_entity, key=ORDER.index):
            outcomes |= self._write(entity, by_entity[entity])
        return outcomes

    def _write(self, entity: str, messages: Sequence[Message]) -> dict[str, Outcome]:
        try:
            rows = self._rows(entity, messages)
        except (Retryable, Fatal) as stop:  # only looked so far
            unsent = Outcome(
                result="unsent", detail=cut(str(stop), DETAIL_CHARS), stops=isinstance(stop, Fatal)
            )
            return dict.fromkeys((message.key for message in messages), unsent)
        client = _client(message for message in messages if message.key in rows)
        written = self._writer.upsert(entity, list(rows.values()), client=client) if rows else []
        told = {message.key: stopped(_INVOICE_MISSING) for message in messages if message.key not in rows}
        return told | {key: _outcome(one) for key, one in zip(rows, written, strict=True)}

    def _rows(self, entity: str, messages: Sequence[Message]) -> dict[str, Translated]:
        """The rows to write, by message; none for an activity whose invoice is not there."""
        rows = {message.key: _row(message) for message in messages}
        if entity != ACTIVITIES:
            return rows
        # An activity hangs below its invoice, which Salesforce knows by its own id.
        wanted = sorted({str(message.body["invoice_id"]) for message in messages})
        theirs = self._writer.look(INVOICES, wanted)
        return {
            message.key: {**rows[message.key], "invoice_id": theirs[message.body["invoice_id"]]}
            for message in messages
            if message.body["invoice_id"] in theirs
        }


def _client(messages: Iterable[Message]) -> str:
    """Us, and under which tokens we write: what Salesforce's logs then tell one writer from another by."""
    tokens = sorted({message.token for message in messages if message.token is not None})
    return "-".join(["tieout/token", *map(str, tokens)]) if tokens else ""


def _entity(message: Message) -> str | None:
    return ROWS[message.kind][0] if message.kind in ROWS else None


def _row(message: Message) -> Translated:
    entity, row_of = ROWS[message.kind]
    row = {name: value for name, value in row_of(message.body).items() if value is not None}
    if message.turn is not None and TURN in TARGETS[entity].fields:
        row[TURN] = str(message.turn)
    return row | {"key": message.key} if entity == TASKS else row


def _outcome(written: Written) -> Outcome:
    return stopped(written.stop) if written.stop else Outcome(result="confirmed", remote_id=written.native_id)
