"""What was decided about a deal that has changed since is decided again, soon and from how the deal is now."""

from collections.abc import Mapping

from include.domain.delivery import Message
from include.flows.drain_inbox import Hint
from include.flows.poll_hints import keep_hints
from include.ports import Transaction

CRM, DEALS = "salesforce", "opportunities"


def decide_again(tx: Transaction, stale: Mapping[int, Message]) -> None:
    """Have the deals of these messages looked at, and their periods billed anew should they still be won."""
    periods = [one.body for one in stale.values() if one.kind == "invoice" and "line" in one.body]
    if periods:
        tx.run(
            "reopen_lines",
            orders=[str(period["order_id"]) for period in periods],
            lines=[int(period["line"]) for period in periods],
        )
    about = {
        message_id: str(one.body["opportunity_id"])
        for message_id, one in stale.items()
        if one.body.get("opportunity_id")
    }
    keep_hints(tx, [_hint(message_id, deal) for message_id, deal in about.items()])


def _hint(message_id: int, deal: str) -> Hint:
    which = f"stale {message_id}"
    return Hint(source=CRM, event_id=which, entity=DEALS, native_id=deal, kind="stale", sequence=which)
