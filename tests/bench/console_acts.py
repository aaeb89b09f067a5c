"""What people do in the console when its quickness is measured: each act often, and each time about something else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from include.domain.break_life import Kind
from include.flows import accept_difference as register
from include.flows import replay
from include.flows import resolve_break as desk
from include.flows.act_on_break import By
from include.flows.judge_parity import judge_parity, judged
from include.flows.pair_by_hand import unmatch
from include.policy import load_policy
from include.store.postgres import PostgresStore

WHO = "bench"
BULK = 50
LAST = date(2026, 6, 30)
"""The newest compared day; thirteen before it are compared as well."""

Forms = list[tuple[str, dict[str, Any]]]


def forms(url: str, act: str, *, count: int) -> Forms:
    """Where to post what, `count` times; what stands in the way of an act is done before, by others."""
    return _ACTS[act](url, count)


def compare_days(url: str) -> None:
    """Judge the compared days of console_rows.sql, as the page of parity shows them."""
    judge_parity(PostgresStore(url), last=LAST, policy=load_policy())


def _rows(url: str, query: str, *values: object) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()


def _open(url: str, count: int) -> list[tuple[UUID, int]]:
    """Breaks that nobody touched; whoever asks touches them."""
    found = _rows(
        url,
        "SELECT break_id, version FROM recon.break_lives WHERE state = 'OPEN' AND recon = 'R3' AND code <> 'CA21' "
        "AND amount_sgd_minor BETWEEN 1 AND 5000000 ORDER BY break_id LIMIT %s",
        count,
    )
    return [(break_id, version) for break_id, version in found]


def _by(actor: str) -> By:
    return By(actor=actor, reason="before the bench")


def _plain(act: str, **fields: str) -> Callable[[str, int], Forms]:
    def made(url: str, count: int) -> Forms:
        return [(f"/breaks/{one}/{act}", {"seen": str(seen), **fields}) for one, seen in _open(url, count)]

    return made


def _bulk(url: str, count: int) -> Forms:
    chosen = [f"{one}:{seen}" for one, seen in _open(url, count * BULK)]
    parts = [chosen[start : start + BULK] for start in range(0, len(chosen), BULK)]
    return [("/breaks/bulk", {"chosen": part, "action": "comment"}) for part in parts]


def _proposed(act: str, kind: Kind, *, approved: bool = False) -> Callable[[str, int], Forms]:
    """About what somebody else proposed, and a third person approved where that comes first."""

    def made(url: str, count: int) -> Forms:
        with PostgresStore(url).keeping() as store:
            return [
                (f"/breaks/{one}/{act}", {"seen": str(_brought(store, one))}) for one, _ in _open(url, count)
            ]

    def _brought(store: PostgresStore, break_id: UUID) -> int:
        acted = desk.propose(store, break_id, _by("ann"), kind=kind, policy=load_policy())
        return desk.approve(store, break_id, _by("ben")).version if approved else acted.version

    return made


def _resolved(url: str, count: int) -> Forms:
    with PostgresStore(url).keeping() as store:
        return [
            (f"/breaks/{one}/resolve", {"seen": str(desk.assign(store, one, _by(WHO), to=WHO).version)})
            for one, _ in _open(url, count)
        ]


def _match(url: str, count: int) -> Forms:
    found = _rows(
        url,
        "SELECT break_id, version, 'bl_' || substr(key, 4) FROM recon.break_lives WHERE code = 'PO01' "
        "AND state = 'OPEN' ORDER BY break_id LIMIT %s",
        count,
    )
    return [(f"/breaks/{one}/match", {"seen": str(seen), "invoice": line}) for one, seen, line in found]


def _match_cash(url: str, count: int) -> Forms:
    """A payment and an invoice of its customer, for what the payment's break is worth."""
    found = _rows(
        url,
        "SELECT break_id, life.version, payment.amount_minor, life.amount_minor FROM recon.break_lives AS life "
        "JOIN canonical.payments AS payment ON payment.native_id = life.key "
        "WHERE payment.place LIKE 'payments.csv, more %%' AND life.state = 'OPEN' ORDER BY break_id LIMIT %s",
        count,
    )
    return [
        (
            f"/breaks/{one}/match",
            {"seen": str(seen), "other": f"I{invoice}", "other_amount": f"{worth / 100:.2f}"},
        )
        for one, seen, invoice, worth in found
    ]


def _sign(url: str, count: int) -> Forms:
    """For one role what the page shows of the newest window."""
    with PostgresStore(url).transaction() as tx:
        seen = judged(tx, tx.rows("parity_newest_window", last=None)[0]["window_no"])
    return [("/parity/sign/controller", {"seen": seen.content_sha256})] * count


def _posted(url: str, count: int, *, skip: int = 0) -> list[tuple[str, str]]:
    """Posted matches of payouts and the bank, and their payouts."""
    return _rows(
        url,
        "SELECT match_id, side_a_id FROM recon.matches WHERE recon = 'R4' AND state = 'posted' "
        "AND run_id = md5('run0')::uuid ORDER BY match_id OFFSET %s LIMIT %s",
        skip,
        count,
    )


def _unmatch(url: str, count: int) -> Forms:
    [[run]] = _rows(url, "SELECT md5('run0')::uuid")
    return [(f"/matches/{one}/unmatch", {"seen": str(run)}) for one, _ in _posted(url, count)]


def _withdraw(url: str, count: int) -> Forms:
    """Of payouts that were parted, and whose breaks say since that the bank does not show them."""
    made: Forms = []
    with PostgresStore(url).keeping() as store:
        for match_id, payout in _posted(url, count, skip=count):
            questioned = unmatch(store, match_id, _by("ann"), policy=load_policy())
            desk.approve(store, questioned.break_id, _by("ben"))
            [[break_id]] = _rows(url, MISSED, payout, payout)
            made.append((f"/breaks/{break_id}/withdraw", {"seen": "1"}))
    return made


MISSED = """
WITH made AS (
    INSERT INTO recon.break_lives (break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor,
        severity, owner, since_on, first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version)
    VALUES (md5('missed' || %s)::uuid, 'R4', 'po01', 'PO01', %s, 'SGD', 990, 990, 'S2', 'Treasury', '2026-06-01',
        md5('run0')::uuid, '2026-06-30', md5('run0')::uuid, '2026-06-30', 'OPEN', 1)
    RETURNING break_id
)
INSERT INTO recon.break_events (break_id, version, action, actor, reason, from_state, to_state, severity, code,
    currency, amount_minor, amount_sgd_minor, run_id)
SELECT break_id, 1, 'opened', 'run', 'found', 'NEW', 'OPEN', 'S2', 'PO01', 'SGD', 990, 990, md5('run0')::uuid FROM made
RETURNING break_id
"""


def _messages(act: str, state: str) -> Callable[[str, int], Forms]:
    def made(url: str, count: int) -> Forms:
        query = "SELECT message_id FROM delivery.outbox WHERE state = %s ORDER BY 1 LIMIT %s"
        return [(f"/delivery/{act}", {"chosen": str(one)}) for (one,) in _rows(url, query, state, count)]

    return made


def _asked(act: str, *, by: str) -> Callable[[str, int], Forms]:
    """About a message each that somebody asked to be sent again."""

    def made(url: str, count: int) -> Forms:
        query = "SELECT message_id FROM delivery.outbox WHERE state = 'parked' ORDER BY 1 DESC LIMIT %s"
        with PostgresStore(url).keeping() as store:
            numbers = [
                replay.ask_replay(
                    store,
                    replay.Wanted(messages=[one]),
                    replay.By(by, "before the bench"),
                    lives=replay.A_DAY,
                    hourly=1,
                ).number
                for (one,) in _rows(url, query, count)
            ]
        return [(f"/delivery/{act}", {"replay": str(number)}) for number in numbers]

    return made


def _until() -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=20)}"


def _accepted(first: int) -> Callable[[str, int], Forms]:
    def made(_url: str, count: int) -> Forms:
        fields = {"which": "invoices~amount~rounding~minor_unit", "owner": "AR", "until": _until()}
        return [("/parity/accept", fields | {"key": f"INV-{first + n}"}) for n in range(count)]

    return made


def _entries(act: str, first: int) -> Callable[[str, int], Forms]:
    """About entries of the register that somebody else proposed."""

    def made(url: str, count: int) -> Forms:
        why = register.Why(owner="AR", reason="before the bench", expires_on=date.fromisoformat(_until()))
        found: Forms = []
        with PostgresStore(url).keeping() as store:
            for n in range(count):
                scope = register.Scope(
                    kind="invoices",
                    field="amount",
                    kind_of="rounding",
                    cause="minor_unit",
                    key=f"INV-{first + n}",
                )
                number = register.propose(store, scope, why, maker="ann", policy=load_policy())
                found.append((f"/parity/accepted/{number}/{act}", {}))
        return found

    return made


_ACTS: dict[str, Callable[[str, int], Forms]] = {
    "comment": _plain("comment"),
    "assign": _plain("assign", to=WHO),
    "propose": _plain("propose", kind="write_off"),
    "approve": _proposed("approve", "write_off"),
    "reject": _proposed("reject", "write_off"),
    "accept": _proposed("accept", "write_off", approved=True),
    "resolve": _resolved,
    "bulk": _bulk,
    "match": _match,
    "match cash": _match_cash,
    "unmatch": _unmatch,
    "withdraw": _withdraw,
    "hold": _messages("hold", "queued"),
    "replay": _messages("replay", "parked"),
    "ask": _messages("ask", "parked"),
    "refuse sending": _asked("refuse", by="ann"),
    "withdraw asking": _asked("withdraw", by=WHO),
    "approve sending": _asked("approve", by="ann"),
    "parity accept": _accepted(1),
    "parity approve": _entries("approve", 101),
    "parity end": _entries("end", 201),
    "parity sign": _sign,
}
ACTS = tuple(_ACTS)
"""What is posted, in this order."""
