"""Promotes a release to an environment, when every gate in its way is passed, and keeps what was promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from include.domain.break_life import NotAllowed, identity
from include.flows.reasons import need_reason
from include.flows.rollback_due import due_in
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction
from include.version import Release, code_sha256

RADIUS = "radius"


@dataclass(frozen=True)
class Gate:
    """One gate: what was found, and what to do unless it is passed."""

    name: str
    passed: bool
    said: str
    mend: str = ""


def passed(name: str, said: str) -> Gate:
    """A gate that is passed."""
    return Gate(name, passed=True, said=said)


def shut(name: str, said: str, mend: str) -> Gate:
    """A gate that is shut, and what opens it."""
    return Gate(name, passed=False, said=said, mend=mend)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What is to be promoted where, by whom. `authors` wrote what came since the last promotion there, `follows`."""

    release: Release
    to: str
    commit: str
    authors: Sequence[str]
    approver: str
    reason: str
    rules: Mapping[str, str]
    follows: int | None = None


def last_promoted(store: Store, environment: str) -> Row | None:
    """The newest promotion to an environment."""
    with store.transaction() as tx:
        found = tx.rows("last_promotion", environment=environment)
    return found[0] if found else None


def promotions(store: Store, *, limit: int = 20) -> list[Row]:
    """The newest first."""
    with store.transaction() as tx:
        return tx.rows("promotions", limit=limit)


def database_gate(store: Store, to: str) -> Gate:
    """The database is that of the environment promoted to, or nobody's yet."""
    with store.transaction() as tx:
        found = tx.rows("environment_here")
    if not found:
        return passed("database", "nothing has run on it yet")
    [here] = found
    if here["environment"] != to:
        said = f"{here['environment']} runs on this database, since {here['since']:%Y-%m-%d %H:%M} UTC"
        return shut("database", said, f"TIEOUT_DATABASE_URL: the database of {to}")
    return passed("database", f"{to} runs on it")


def approver_gate(offer: Offer) -> Gate:
    """Whoever approves has written nothing of it."""
    mend = "let somebody who wrote nothing of it approve it: --as"
    try:
        who = identity(offer.approver)
    except NotAllowed as nobody:
        return shut("approver", str(nobody), mend)
    authors = sorted({identity(one) for one in offer.authors})
    if not authors:
        return shut("approver", "git names no author of what would be promoted", "commit it first")
    if who in authors:
        return shut("approver", f"{who} is an author of it", mend)
    if alike := [one for one in authors if one.partition("@")[0] == who]:
        return shut(
            "approver", f"{who} may be {alike[0]}, an author of it", f"say their mail address; or {mend}"
        )
    return passed("approver", f"{who} approves what {', '.join(authors)} wrote")


def after_gate(store: Store, offer: Offer, after: str) -> Gate:
    """The very same release stands where it is tried before."""
    with store.transaction() as tx:
        found = tx.rows("promotion_of", environment=after, release_sha256=offer.release.sha256)
    if found:
        one = found[0]
        return passed(after, f"promoted there by {one['approver_id']} on {one['promoted_at']:%Y-%m-%d}")
    return shut(after, f"this release was never promoted to {after}", f"tieout promote --to {after}")


def parity_gate(store: Store, target: Policy) -> Gate:
    """Where ours writes, parity is signed and nothing calls for going back. In shadow it is asked at cutover.

    How much calls for it is a limit of the environment that is promoted to.
    """
    with store.transaction() as tx:
        signed = tx.rows("parity_signed")
        shadow = target.environment.shadow
        ours = [
            row["flow"]
            for row in tx.rows("writers", flow=None)
            if row["writer"] != "theirs" and not (row["act"] == "began" and row["flow"] in shadow)
        ]
        due = due_in(tx, target)
    if due:
        what = ", ".join(row["about"] for row in due)
        return shut("parity", f"going back is due: {what}", "see docs/playbooks/rollback_due.md")
    if not ours:
        return passed("parity", "every flow there is in shadow: parity is asked at cutover")
    if not signed:
        mend = "let Controller, RevOps and IT sign parity off, or give the flows back (tieout cutover back)"
        return shut("parity", f"not signed off, and ours writes {', '.join(ours)}", mend)
    said = f"signed by {', '.join(signed[0]['signers'])} on {signed[0]['signed_at']:%Y-%m-%d}"
    return passed("parity", said)


def radius_gate(store: Store, offer: Offer, target: Policy) -> tuple[Gate, int | None]:
    """A change of rules was shown before, by this very code, on as many days as policy asks; its id."""
    last = last_promoted(store, offer.to)
    if last is None:
        return passed(RADIUS, f"nothing was promoted to {offer.to} before, so no rule changes"), None
    if last["rules_sha256"] == offer.release.rules:
        return passed(RADIUS, "the rules are those that were promoted last"), None
    most = target.environment.limits.radius_days
    with store.transaction() as tx:
        history = tx.rows("days_to_replay", days=1)
        found = tx.rows(
            "radius_shown",
            old_rules=last["rules_sha256"],
            new_rules=offer.release.rules,
            code_sha256=code_sha256(),
            most=most,
        )
    mend = f"tieout promote radius --to {offer.to} --against {last['rules_sha256'][:12]}"
    if not history:
        said = "no day is published there, so there is no history that other rules would change"
        return passed(RADIUS, said), None
    if not found:
        return shut(RADIUS, "the rules change, and nobody was shown what that changes", mend), None
    one = found[0]
    if len(one["days"]) < one["asked"]:
        said = f"what the rules change was shown for {len(one['days'])} of {one['asked']} days"
        return shut(RADIUS, said, mend), None
    said = f"shown on {one['shown_at']:%Y-%m-%d} for {len(one['days'])} days ({one['result_sha256'][:12]})"
    return passed(RADIUS, said), one["radius_id"]


def promote(store: Store, offer: Offer, gates: Sequence[Gate], *, radius_id: int | None = None) -> Row:
    """Keep the promotion. Raises Rejected when a gate is not passed, nobody says why, or somebody was quicker."""
    if left := [gate.name for gate in gates if not gate.passed]:
        raise Rejected(f"not promoted, because these gates are shut: {', '.join(left)}")
    need_reason(offer.reason)
    with store.transaction() as tx:
        tx.run("promotions_alone")
        for last in tx.rows("last_promotion", environment=offer.to):
            # The gates asked who wrote what came since another, and what its rules would change.
            if last["promotion_id"] != offer.follows:
                raise Rejected(
                    f"{last['approver_id']} promoted to {offer.to} meanwhile: ask every gate again, by the same command"
                )
        return _keep(tx, offer, gates, radius_id)


def _keep(tx: Transaction, offer: Offer, gates: Sequence[Gate], radius_id: int | None) -> Row:
    tx.run("keep_rule_set", rules_sha256=offer.release.rules, files=dict(offer.rules))
    told: dict[str, Any] = {
        "environment": offer.to,
        "code_sha256": offer.release.code,
        "rules_sha256": offer.release.rules,
        "schema_sha256": offer.release.schema,
        "commit_id": offer.commit,
        "author_ids": sorted({identity(one) for one in offer.authors}),
        "approver": offer.approver,
        "reason": offer.reason,
        "gates": {"gates": [asdict(gate) for gate in gates]},
        "radius_id": radius_id,
    }
    return tx.rows("keep_promotion", **told)[0]
