"""A database that went back in time: who noted it, and until when nothing is sent that was not looked for.

Another server or timeline of Postgres is noticed by itself (deliver_outbox); a disk that was put back is not.
"""

from datetime import datetime

from include.domain.delivery import Pace
from include.flows.replay import By, person_of
from include.ports import Rejected, Row, Store


def note_restore(store: Store, *, actor: str, reason: str, pace: Pace) -> datetime:
    """Until when all effects are looked for before they are sent. Raises Rejected on who is no person, or no reason."""
    if not reason.strip():
        raise Rejected("say why: which backup was put back, and what is missing in it")
    who = person_of(By(actor, reason))
    with store.transaction() as tx:
        since: datetime = tx.rows("note_restore", actor=who, reason=reason)[0]["since"]
    return since + pace.doubt


def histories(store: Store, *, pace: Pace) -> list[Row]:
    """The servers and timelines the database lived on, the newest first, and which of them leave effects in doubt."""
    with store.transaction() as tx:
        return tx.rows("histories", doubt=pace.doubt)
