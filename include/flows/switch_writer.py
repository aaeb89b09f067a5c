"""Hands the writing of a flow from one path to the other: one writer at a time, and nothing lost or doubled between.

First nobody writes: from that commit on every send is refused, for it asks for its token last. Then the calls under
way come to an end, and the other path writes. What ours had decided and not sent stays; before it is sent one day, the
target is asked whether the other path caused it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Literal

from include.flows.allow_switch import Grounds, allowed
from include.flows.put_message import say_again
from include.flows.replay import By, hold_in, person_of
from include.ports import Rejected, Row, Store, Transaction

Writer = Literal["ours", "theirs", "nobody"]
LOOK_S = 0.1
"""Between two looks at the calls under way."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: for the queue to run empty while we still write, for calls under way, and for the
    other path's last calls, of which nobody here can see when they end.
    """

    drain_s: float = 0.0
    calls_s: float = 30.0
    settle_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Switched:
    """A flow after its switch. `given_up`: calls that had not ended; `held`: what was decided in shadow and parked;
    `written`: what ours caused since it last began to write, by system and kind.
    """

    flow: str
    writer: str
    token: int
    waiting: int
    uncertain: int
    given_up: int
    held: int
    seconds: float
    written: Sequence[Row] = field(default=())


def writers(store: Store, flow: str | None = None) -> list[Row]:
    """Each flow, or one: who writes, since when, and what waits. Raises Rejected for a flow that is none."""
    with store.transaction() as tx:
        found = tx.rows("writers", flow=flow)
        names = [row["flow"] for row in tx.rows("writers", flow=None)] if not found else []
    if not found:
        raise Rejected(f"there is no flow {flow}; there are {', '.join(names)}")
    return found


def history(store: Store, flow: str | None = None, *, limit: int = 50) -> list[Row]:
    """The newest switches first."""
    with store.transaction() as tx:
        return tx.rows("switches_of", flow=flow, limit=limit)


def waiting(store: Store, flow: str) -> list[Row]:
    """What a flow decided and did not send, by system, kind and state."""
    with store.transaction() as tx:
        return tx.rows("waiting_by_kind", flow=flow)


def begin_as(store: Store, shadow: Sequence[str], *, environment: str) -> int:
    """Let flows that no person has switched begin as their environment says; how many changed.

    Called by whoever is about to send. It also puts to rest what another path writes, and wakes what is ours again.
    """
    changed = 0
    with store.transaction() as tx:
        tx.run("note_environment", environment=environment)
        tx.run("lock_writers", flows=[row["flow"] for row in tx.rows("never_switched")])
        for row in tx.rows("never_switched"):  # once more: whoever was waited for may have switched one
            writer: Writer = "theirs" if row["flow"] in shadow else "ours"
            if row["writer"] != writer:
                words = f"so it begins in {environment} (policy/environments.yaml)"
                _switch(tx, row, writer, act="policy", by=By("policy", words))
                changed += 1
        tx.run("rest_elsewhere")
        tx.run("wake_ours")
    return changed


def go(
    store: Store,
    flows: Sequence[str],
    by: By,
    *,
    grounds: Grounds,
    hold_shadow: bool = False,
    patience: Patience = Patience(),
    tell: Tell = lambda _: None,
) -> list[Switched]:
    """Let ours write these flows, all at once. Raises Rejected when that may not be, and then nothing has changed.

    Interrupted in between, nobody writes them: `go` again or `back` ends that. `hold_shadow` parks what was decided in
    shadow instead of sending it, for where the target cannot tell what the other path did.
    """
    began, actor = monotonic(), person_of(by)
    facts: dict[str, Any] = {"act": "go", "by": by, "emergency": grounds.emergency}
    with store.transaction() as tx:
        rows = _locked(tx, flows, but="ours")
        why = allowed(tx, actor, grounds)
        tokens = {row["flow"]: _to_nobody(tx, row, evidence=why, **facts) for row in rows}
    _count_down(patience.settle_s, "the other path's last calls come to an end", tell)
    given_up = _end_calls(store, tokens, patience, tell)
    held: dict[str, int] = {}
    with store.transaction() as tx:
        rows = _still(tx, tokens)
        why = _still_allowed(tx, actor, grounds, tokens)
        for row in rows:
            flow = row["flow"]
            held[flow] = _hold_shadow(tx, flow, by) if hold_shadow else 0
            took = {"seconds": round(monotonic() - began, 3), "given_up": given_up[flow], "held": held[flow]}
            _switch(tx, row, "ours", evidence=why | took, **facts)
        # The other path may have written over what ours said before; where nothing changed nobody would say it again.
        say_again(tx, tx.rows("said_last", flows=list(tokens)))
    with store.transaction() as tx:
        # Of very many this takes seconds; left undone, the next run of the lane does it.
        tx.run("wake_flows", flows=list(tokens))
    return [_switched(store, flow, given_up[flow], began, held=held[flow]) for flow in tokens]


def back(
    store: Store,
    flows: Sequence[str],
    by: By,
    *,
    trigger: str,
    patience: Patience = Patience(),
    tell: Tell = lambda _: None,
) -> list[Switched]:
    """Give flows back to the other path, all at once. It is refused to nobody but who gives no name or no reason."""
    began = monotonic()
    person_of(by)
    facts: dict[str, Any] = {"act": "back", "by": by}
    why = {"trigger": trigger}
    with store.transaction() as tx:
        _locked(tx, flows, but="theirs")
    _wait(patience.drain_s, lambda: _count(store, "still_to_go", flows), "messages still to go", tell)
    with store.transaction() as tx:
        rows = _locked(tx, flows, but="theirs")
        # Under a new token also where nobody writes, so that whoever is about to let ours write is refused by it.
        tokens = {row["flow"]: _to_nobody(tx, row, evidence=why, **facts) for row in rows}
        written = {flow: tx.rows("written_since", flow=flow) for flow in tokens}
    given_up = _end_calls(store, tokens, patience, tell, done="theirs")
    with store.transaction() as tx:
        for row in _still(tx, tokens, done="theirs"):
            took = {"seconds": round(monotonic() - began, 3), "given_up": given_up[row["flow"]]}
            _switch(tx, row, "theirs", evidence=why | took, **facts)
    with store.transaction() as tx:
        tx.run("rest_elsewhere")
    return [_switched(store, flow, given_up[flow], began, written=written[flow]) for flow in tokens]


def _locked(tx: Transaction, flows: Sequence[str], *, but: Writer) -> list[Row]:
    """The flows that this writer has not already, locked. Raises Rejected for one that is none, or if none is left."""
    found = {row["flow"]: row for row in _lock(tx, flows)}
    if unknown := set(flows) - found.keys():
        names = ", ".join(row["flow"] for row in tx.rows("writers", flow=None))
        raise Rejected(f"there is no flow {', '.join(sorted(unknown))}; there are {names}")
    return to_switch(list(found.values()), but=but)


def _lock(tx: Transaction, flows: Collection[str]) -> list[Row]:
    tx.run("lock_writers", flows=list(flows))
    return tx.rows("locked_writers", flows=list(flows))


def to_switch(rows: Sequence[Row], *, but: Writer) -> list[Row]:
    """The flows that this writer has not already. Raises Rejected when none is left."""
    left = [row for row in rows if row["writer"] != but]
    if not left:
        raise Rejected(f"already {but}: {', '.join(row['flow'] for row in rows)}")
    return left


def _still(tx: Transaction, tokens: Mapping[str, int], *, done: Writer | None = None) -> list[Row]:
    """The flows, locked once more, but those that this writer has by now: somebody did the same.

    Raises Rejected when somebody else switched one to something else meanwhile.
    """
    rows = [row for row in _lock(tx, tokens) if row["writer"] != done]
    left = [row["flow"] for row in rows if row["token"] == tokens[row["flow"]]]
    for row in rows:
        if row["flow"] not in left:
            raise Rejected(
                f"somebody else switched {row['flow']} meanwhile: it is {row['writer']} under token {row['token']}"
                + (f". {_nobody_writes(left)}: `go` again, or give them `back`" if left else "")
            )
    return rows


def _nobody_writes(flows: Collection[str]) -> str:
    return f"Nobody writes {', '.join(flows)} now"


def _to_nobody(tx: Transaction, row: Row, *, act: str, **facts: Any) -> int:
    """The token from which on nobody writes the flow; that of whoever does the same already."""
    if (row["writer"], row["act"]) == ("nobody", act):
        return int(row["token"])
    return _switch(tx, row, "nobody", act=act, **facts)


def _switch(
    tx: Transaction,
    row: Mapping[str, Any],
    writer: Writer,
    *,
    act: str,
    by: By,
    emergency: bool = False,
    evidence: Mapping[str, Any] | None = None,
) -> int:
    token = int(row["token"]) + 1
    tx.run(
        "keep_switch",
        flow=row["flow"],
        token=token,
        writer=writer,
        act=act,
        actor=by.actor,
        reason=by.reason,
        emergency=emergency,
        evidence=dict(evidence or {}),
    )
    tx.run("set_writer", flow=row["flow"], writer=writer, token=token)
    return token


def _still_allowed(tx: Transaction, actor: str, grounds: Grounds, flows: Collection[str]) -> dict[str, Any]:
    """What makes going allowed, asked once more: a day may have been compared anew while nobody wrote."""
    try:
        return allowed(tx, actor, grounds)
    except Rejected as refused:
        raise Rejected(
            f"{refused}. {_nobody_writes(flows)}: mend that and `go` again, or give them `back`"
        ) from None


def _hold_shadow(tx: Transaction, flow: str, by: By) -> int:
    ids = [row["message_id"] for row in tx.rows("shadow_messages", flow=flow)]
    return hold_in(tx, ids, by) if ids else 0


def _end_calls(
    store: Store, tokens: Mapping[str, int], patience: Patience, tell: Tell, *, done: Writer | None = None
) -> dict[str, int]:
    """Wait for the calls under way; of each flow how many did not end, which count as uncertain from now on."""
    flows = list(tokens)
    _wait(patience.calls_s, lambda: _count(store, "calls_under_way", flows), "calls under way", tell)
    with store.transaction() as tx:
        _still(tx, tokens, done=done)
        return {flow: tx.run("give_up_calls", flow=flow) for flow in flows}


def _count(store: Store, query: str, flows: Sequence[str]) -> int:
    with store.transaction() as tx:
        return int(tx.rows(query, flows=list(flows))[0]["messages"])


def _wait(seconds: float, left: Callable[[], int], what: str, tell: Tell) -> None:
    """Until nothing is left, or for so long."""
    until = monotonic() + seconds
    while monotonic() < until and (count := left()):
        tell(f"{count} {what}")
        sleep(LOOK_S)


def _count_down(seconds: float, what: str, tell: Tell) -> None:
    until = monotonic() + seconds
    while (rest := until - monotonic()) > 0:
        tell(f"{what}: {rest:.0f} s")
        sleep(min(rest, 1.0))


def _switched(
    store: Store, flow: str, given_up: int, began: float, *, held: int = 0, written: Sequence[Row] = ()
) -> Switched:
    [row] = writers(store, flow)
    return Switched(
        flow=flow,
        writer=row["writer"],
        token=row["token"],
        waiting=row["queued"],
        uncertain=row["uncertain"],
        given_up=given_up,
        held=held,
        seconds=round(monotonic() - began, 3),
        written=written,
    )
