"""What other rules would change of published days: each is computed under both, and only the answer is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from typing import Any

from include.domain.blast_radius import (
    BY_RULINGS,
    BY_TRUTH,
    Change,
    DayRadius,
    Estimate,
    Judged,
    Radius,
    judged,
)
from include.flows.reconcile import compute
from include.policy import Policy, rules_sha256
from include.ports import Fatal, Rejected, Row, Store, Transaction
from include.version import code_sha256

Pair = tuple[str, frozenset[str]]
"""A reconciliation and the two ids."""
AIDED = frozenset({"carried_forward", "decided_by_hand"})
"""Steps of a cascade that know what was decided before."""
PAIRS_MAX = 200_000
"""Of the pairs that the new rules post anew, so many are held against the truth at most."""


@dataclass
class _Seen:
    """What the transactions that were taken back showed."""

    days: list[DayRadius] = field(default_factory=list)
    gained: set[Pair] = field(default_factory=set)


class _Undone(Exception):
    """Takes a transaction back that was only asked, with its answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


def published_days(store: Store, *, days: int) -> list[date]:
    """The newest days that are published, oldest first. Raises Rejected when there are none."""
    with store.transaction() as tx:
        found = [row["as_of"] for row in tx.rows("days_to_replay", days=days)]
    if not found:
        raise Rejected("no day is published here, so there is no history to replay the rules on")
    return found


def rule_radius(
    store: Store,
    *,
    days: Sequence[date],
    old: Policy,
    new: Policy,
    truth: frozenset[Pair] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Radius:
    """What `new` rules would change of these published days, as known then, and how sure their matches are.

    `truth`: the true links, where a world has them. Raises Fatal when a day is not published.
    """
    seen = _Seen()
    for place, as_of in enumerate(days, 1):
        tell(f"{as_of} ({place} of {len(days)})")
        compared = partial(_compared, as_of=as_of, old=old, new=new, with_pairs=truth is not None)
        day, gained = _undone(store, compared)
        seen.days.append(day)
        seen.gained |= gained
    tell("what people ruled")
    estimates = [
        Estimate(
            by="rulings",
            method=BY_RULINGS,
            old=_undone(store, lambda tx: _ruled(tx, days[-1], old)),
            new=_undone(store, lambda tx: _ruled(tx, days[-1], new)),
        )
    ]
    if truth is not None:
        right = len(seen.gained & truth)
        found = judged(right=right, wrong=len(seen.gained) - right, left_open=0)
        estimates.append(Estimate(by="truth", method=BY_TRUTH, old=None, new=found))
    return Radius(
        old_rules=old.sha256,
        new_rules=new.sha256,
        code_sha256=code_sha256(),
        days=seen.days,
        estimates=estimates,
    )


def keep_radius(
    store: Store, radius: Radius, *, old_files: Mapping[str, str], new_files: Mapping[str, str]
) -> str:
    """Keep that it was shown, with the rules it is about; the hash of what was shown."""
    old, new = rules_sha256(old_files), rules_sha256(new_files)
    with store.transaction() as tx:
        for digest, files in ((old, old_files), (new, new_files)):
            tx.run("keep_rule_set", rules_sha256=digest, files=dict(files))
        [kept] = tx.rows(
            "keep_radius",
            old_rules=old,
            new_rules=new,
            code_sha256=radius.code_sha256,
            days=[day.as_of for day in radius.days],
            result=as_values(radius),
        )
    return str(kept["result_sha256"])


def rules_like(store: Store, beginning: str) -> dict[str, str]:
    """The files of the rules whose hash begins so. Raises Rejected when none or several are kept here."""
    with store.transaction() as tx:
        found = tx.rows("rule_sets_like", beginning=beginning)
    if len(found) != 1:
        many = "several rule sets begin" if found else "no rule set is kept here that begins"
        raise Rejected(f"{many} with {beginning}; `tieout promote list` shows what was promoted")
    files: dict[str, str] = found[0]["files"]
    return files


def as_values(radius: Radius) -> dict[str, Any]:
    """The same as plain values; shares as text, so that they are exact."""
    estimates = [
        {
            "by": one.by,
            "method": one.method,
            "old": _plain(one.old) if one.old else None,
            "new": _plain(one.new),
        }
        for one in radius.estimates
    ]
    told = {name: getattr(radius, name) for name in ("old_rules", "new_rules", "code_sha256")}
    return {
        **told,
        "days": [
            {
                "as_of": day.as_of.isoformat(),
                "matches": [asdict(change) for change in day.matches],
                "breaks": [asdict(change) for change in day.breaks],
            }
            for day in radius.days
        ],
        "matches": [asdict(change) for change in radius.matches],
        "breaks": [asdict(change) for change in radius.breaks],
        "estimates": estimates,
    }


def _plain(one: Judged) -> dict[str, Any]:
    share = None if one.share is None else f"{one.share:.6f}"
    counted = {"right": one.right, "wrong": one.wrong, "left_open": one.left_open}
    return {**counted, "share_wrong": share, "low": f"{one.low:.6f}", "high": f"{one.high:.6f}"}


def _undone(store: Store, ask: Callable[[Transaction], Any]) -> Any:
    """What was asked inside a transaction that is taken back."""
    try:
        with store.transaction() as tx:
            raise _Undone(ask(tx))  # noqa: TRY301 - it rolls back
    except _Undone as undone:
        return undone.answer


def _compared(
    tx: Transaction, *, as_of: date, old: Policy, new: Policy, with_pairs: bool
) -> tuple[DayRadius, set[Pair]]:
    run = _published(tx, as_of)
    then = {name: run[name] for name in ("batch_through", "proof_through", "rulings_through")}
    was = run["run_id"]
    if (run["rules_sha256"], run["code_sha256"]) != (old.sha256, code_sha256()):
        was = compute(tx, then, as_of=as_of, policy=old).run_id
        tx.run("forget_temporaries")
    both = {"was": was, "now": compute(tx, then, as_of=as_of, policy=new).run_id}
    day = DayRadius(
        as_of=as_of,
        matches=[Change(**row) for row in tx.rows("radius_matches", **both)],
        breaks=[Change(**row) for row in tx.rows("radius_breaks", **both)],
    )
    pairs = tx.rows("radius_gained_pairs", **both)[:PAIRS_MAX] if with_pairs else []
    return day, {(row["recon"], frozenset((row["side_a_id"], row["side_b_id"]))) for row in pairs}


def _ruled(tx: Transaction, as_of: date, policy: Policy) -> Judged:
    if not any(tx.rows("radius_ruled", run_id=None)[0].values()):
        return judged(right=0, wrong=0, left_open=0)  # nobody ruled on anything
    run = _published(tx, as_of)
    alone = {
        "batch_through": run["batch_through"],
        "proof_through": run["proof_through"],
        "rulings_through": 0,
    }
    run_id = compute(tx, alone, as_of=as_of, policy=_unaided(policy)).run_id
    [counted] = tx.rows("radius_ruled", run_id=run_id)
    return judged(**counted)


def _unaided(policy: Policy) -> Policy:
    """The rules alone: nothing is carried forward or was decided by hand. A run of it has a name of its own."""
    matching = {
        recon: tuple(one for one in passes if one.rule not in AIDED)
        for recon, passes in policy.matching.items()
    }
    return policy.model_copy(update={"matching": matching, "sha256": f"{policy.sha256}/unaided"})


def _published(tx: Transaction, as_of: date) -> Row:
    found = tx.rows("published_snapshot", as_of=as_of)
    if not found:
        raise Fatal(f"no run of {as_of} is published; only published days are replayed")
    return found[0]
