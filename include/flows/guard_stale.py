"""Keeps a decision from being carried out once the deal it saw has changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from include.domain.canonical_json import sha256
from include.domain.delivery import Message, Outcome
from include.domain.entities import ENTITIES
from include.flows.guard_writer import Around
from include.flows.write_rows import typed
from include.ports import Fatal, PartsLookup, Retryable, Row, Target

INVOICE = "invoice"
DEALS, LINES = "opportunities", "deal_lines"


def order_version(deal: Row) -> str:
    """What an order is based on: all of its deal, `row_hash`, its lines, and what else it says, from elsewhere."""
    elsewhere = sha256([deal["customer_id"], deal["country"]])
    return "/".join([deal["row_hash"], elsewhere, lines_version(deal["line_versions"])])


def lines_version(lines: Iterable[str]) -> str:
    """Of a deal's lines: of each its id and the hash of all it says."""
    return sha256(sorted(lines))


def invoice_version(deal: Row) -> str:
    """What an invoice is based on: that its deal is won, and of whom. Prices are those of the order by then."""
    # Of a table, or of a row on its way there.
    said = {str(deal[name]).lower() for name in ("is_won", "is_closed")}
    won = "won" if said == {"true"} else "not won"
    return f"{won}/{deal['account_id']}/{deal['currency']}"


class Guarded(Around):
    """A target that is asked for nothing whose deal has moved since: what was decided then is decided again."""

    def __init__(self, target: Target, deals: PartsLookup) -> None:
        super().__init__(target)
        self._deals = deals

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's, but `stale` for what must be decided again. Raises as it does.

        Where nobody lets us look at deals, nothing is sent.
        """
        try:
            told = {message.key: doubt for message in messages if (doubt := self._doubt(message))}
        except Fatal as wrong:
            unsent = Outcome(result="unsent", detail=f"the deals cannot be looked at: {wrong}", stops=True)
            return dict.fromkeys((message.key for message in messages), unsent)
        fresh = [message for message in messages if message.key not in told]
        return {**told, **(self._target.send(fresh) if fresh else {})}

    def _doubt(self, message: Message) -> Outcome | None:
        if message.based_on is None:
            return None
        try:
            stands = self._stands(message, str(message.body["opportunity_id"]))
        except Retryable as away:
            return Outcome(result="unsent", detail=f"the deal could not be looked at: {away}")
        return None if stands else Outcome(result="stale", detail="the deal changed after this was decided")

    def _stands(self, message: Message, deal_id: str) -> bool:
        """Whether a decision is based on its deal as it is now, an order on the lines too.

        Lines are asked for first: the deal is what was looked at last, and whoever changes a line moves it too.
        """
        lines = lines_version(self._lines(deal_id)) if message.kind != INVOICE else ""
        record = self._deals.look_at(DEALS, deal_id)
        if record is None:
            return False
        deal = self._deals.translate(DEALS, record.payload)
        if message.kind == INVOICE:
            return message.based_on == invoice_version(typed(ENTITIES[DEALS], deal))
        seen, _, rest = str(message.based_on).partition("/")
        return seen == sha256(deal) and rest.rpartition("/")[2] == lines

    def _lines(self, deal_id: str) -> Iterator[str]:
        for record in self._deals.look_at_parts(LINES, of="opportunity_id", native_id=deal_id):
            yield f"{record.native_id} {sha256(self._deals.translate(LINES, record.payload))}"
