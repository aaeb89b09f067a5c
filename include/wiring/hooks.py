"""Airflow to the webhooks' door: its connections become the endpoint's secrets and the place where hints are kept."""
# ruff: noqa: PLC0415  # imported once something knocks, as in include/wiring/connections.py

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from include import telemetry
from include.ports import Fatal, PromptStore
from include.wiring import connections
from include.wiring.environment import connection

if TYPE_CHECKING:
    from include.flows.drain_inbox import Hint

REMEMBERED_S, BELIEVED_S = 10.0, 20.0
"""For how long nobody asks what the connections say by now, and how long the last answer counts at most: a rotated
secret opens within this time."""


@dataclass(frozen=True)
class Door:
    """What it takes to check a delivery and to keep its hint."""

    secrets: Sequence[str]
    livemode: bool
    looked_up_at: float
    database: str
    store: PromptStore
    close: Callable[[], None]

    @classmethod
    def open(cls) -> "Door":
        """Look the connections up; to be closed. Raises Fatal when the endpoint has no secret."""
        # What every knock needs, so that nobody who knocks waits for it.
        from include.connectors.stripe import lookup, webhooks  # noqa: F401
        from include.flows import drain_inbox, poll_hints  # noqa: F401

        with ExitStack() as stack:
            telemetry.begin(f"webhooks/{os.getpid()}")
            store = stack.enter_context(connections.kept_store(connections.INGEST))
            return cls(
                **_endpoint(), database=connections.database_url(), store=store, close=stack.pop_all().close
            )

    def renewed(self) -> "Door":
        """With what the connections say now; who still keeps hints in a database that moved is told to send again."""
        if connections.database_url() == self.database:
            return replace(self, **_endpoint())
        anew = Door.open()
        self.close()
        return anew

    @property
    def fresh(self) -> bool:
        """Whether nobody need look it up again."""
        return monotonic() - self.looked_up_at < REMEMBERED_S

    @property
    def believed(self) -> bool:
        """Whether what was looked up may still be acted on."""
        return monotonic() - self.looked_up_at < BELIEVED_S

    def read(self, body: bytes, signature: str) -> "Hint | str":
        """The hint in a delivery, or why there is nothing to keep. Raises a Refused that says what to answer."""
        from include.connectors.stripe.lookup import ENTITY_OF
        from include.connectors.stripe.webhooks import receive
        from include.flows.drain_inbox import Hint

        hint = receive(body, signature, secrets=self.secrets, now=datetime.now(UTC), livemode=self.livemode)
        entity = ENTITY_OF.get(hint.collection)
        if entity is None:
            return f"nothing here follows from {hint.type}"
        return Hint(
            source="payments",
            event_id=hint.event_id,
            entity=entity,
            native_id=hint.object_id,
            kind=hint.type,
            sequence=hint.event_id,
            occurred_at=hint.created_at,
        )

    def keep(self, hints: "Sequence[Hint]", *, note: bool = True) -> set[str]:
        """Keep them all, durably; the ids of those that were news. `note`: that the door works. Raises Retryable."""
        from include.flows.poll_hints import keep_hints
        from include.flows.tell_steps import tell_received

        began_at = datetime.now(UTC)
        with self.store.one_by_one() as tx:
            news = keep_hints(tx, hints)
            if note:
                tx.run("note_webhook_kept", source="payments")
        tell_received(hints, news, began_at=began_at)
        return news

    def note_refused(self, count: int) -> None:
        """That so many deliveries were refused at the door. Raises Retryable."""
        with self.store.transaction() as tx:
            tx.run("note_webhook_refused", source="payments", count=count)


def receive(body: bytes, signature: str) -> str:
    """Keep the hint in a payments event; what became of it. Raises a Refused that says what to answer."""
    door = Door.open()
    try:
        found = door.read(body, signature)
        if isinstance(found, str):
            return found
        return "kept" if door.keep([found]) else "known"
    finally:
        door.close()


def _endpoint() -> dict[str, Any]:
    found = connection("payments_webhook")
    if not found.password:
        raise Fatal("connection payments_webhook has no password; the endpoint's secret belongs there")
    livemode = bool(found.extra_dejson.get("livemode"))
    return {"secrets": found.password.split(), "livemode": livemode, "looked_up_at": monotonic()}
