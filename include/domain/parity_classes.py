"""Why two answers differ: each explanation is an act repeated on our own facts that comes to exactly what they say.

The order counts: what time explains needs no rule, and what a rule explains is no error. Whatever no act explains stays
logic without evidence. Nothing here knows how the old path works; each explanation is a guess that the figures confirm.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from include.domain.business_days import Calendar
from include.domain.parity import OF_KIND, UNEXPLAINED, Explained, Field, Pair, Told
from include.domain.parity_evidence import Facts, Lens
from include.domain.parity_replays import Settled

SCALES = (10, 100, 1000)
HUNDRED = 100


Guess = Callable[[Pair, Field, Facts, Lens], Explained | None]


def explain(pair: Pair, facts: Facts, lens: Lens) -> dict[Field, Explained]:
    """Every differing field with its class, cause and evidence."""
    return {name: _explained(pair, name, facts, lens) for name in pair.differing}


def _explained(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained:
    guesses = (guess(pair, name, facts, lens) for guess in GUESSES)
    return next((found for found in guesses if found is not None), UNEXPLAINED)


def _unread(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """Nobody compared it: their row is broken. It excuses nothing."""
    if name != "key" or pair.theirs is not None or not facts.unread:
        return None
    return Explained(kind_of="mapping", cause="unreadable", evidence={"row": facts.unread})


def _doubled(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """A second row with the key of an act that happens once, which says the same: the act was repeated.

    Each of two orders has a number and a status of its own.
    """
    theirs, first = pair.theirs, facts.first
    if name != "key" or pair.ours is not None or theirs is None or first is None:
        return None
    own: frozenset[Field] = frozenset({"text", "status"} if pair.kind == "orders" else ())
    if any(theirs.value(one) != first.value(one) for one in OF_KIND[pair.kind] - own):
        return None
    evidence: dict[str, object] = {"key": f"{pair.kind}/{pair.key}", "rows": pair.seq}
    if theirs.at and first.at:
        apart = abs(theirs.at - first.at)
        if apart > lens.retried_within:
            return None
        evidence["seconds_apart"] = int(apart.total_seconds())
    return Explained(kind_of="legacy_error", cause="duplicate", evidence=evidence)


def _not_yet(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """They say what we said before something that is still settling."""
    late = facts.since is not None and facts.since > lens.day - timedelta(days=lens.settle_days)
    if pair.ours is None or not late:
        return None
    before, theirs = facts.before, pair.theirs
    if (theirs is None) != (before is None):
        return None
    if theirs is not None and before is not None and theirs.value(name) != before.value(name):
        return None
    return Explained(kind_of="timing", cause="not_yet", evidence={"since": str(facts.since)})


def _ahead(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """They know already what is dated after the day by our sources, or by their own row while both may not know it."""
    if name != "key" or pair.ours is not None or pair.theirs is None:
        return None
    if facts.known.startswith("later"):
        return Explained(kind_of="timing", cause="ahead", evidence={"we_hold": facts.known})
    settled = lens.day + timedelta(days=lens.settle_days)
    if pair.theirs.on_date and lens.day < pair.theirs.on_date <= settled:
        return Explained(kind_of="timing", cause="ahead", evidence={"dated": str(pair.theirs.on_date)})
    return None


def _settling(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """They wrote in the last minutes of the day what we said before: the newest had not reached them."""
    at = pair.theirs.at if pair.theirs else None
    if name != "status" or pair.theirs is None or at is None or at <= lens.settle_until:
        return None
    if facts.before is None or pair.theirs.status != facts.before.status:
        return None
    evidence = {"written_at": at.isoformat(), "before": str(facts.before.status)}
    return Explained(kind_of="timing", cause="settling", evidence=evidence)


def _called_otherwise(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """Each path has a row that the other lacks, and their keys are the same but for how they are written."""
    if name != "key" or not facts.alike:
        return None
    return Explained(kind_of="mapping", cause="other_key", evidence={"key": pair.key, "other": facts.alike})


def _untranslated(pair: Pair, name: Field, _facts: Facts, _lens: Lens) -> Explained | None:
    if name != "status" or not pair.theirs or not (pair.theirs.status or "").startswith("?"):
        return None
    word = (pair.theirs.status or "")[1:]
    return Explained(kind_of="mapping", cause="unmapped_word", evidence={"word": word})


def _scaled(pair: Pair, name: Field, _facts: Facts, _lens: Lens) -> Explained | None:
    """Another idea of minor units, or of the sign."""
    if name not in {"amount", "tax"} or not pair.ours or not pair.theirs:
        return None
    ours, theirs = pair.ours.value(name), pair.theirs.value(name)
    if not ours or not theirs:
        return None
    if ours == -theirs:
        return Explained(kind_of="mapping", cause="sign", evidence={"factor": -1})
    for scale in SCALES:
        if ours * scale == theirs or theirs * scale == ours:
            evidence = {"factor": scale, "larger": "theirs" if abs(theirs) > abs(ours) else "ours"}
            return Explained(kind_of="mapping", cause="minor_units", evidence=evidence)
    return None


def _rounded(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """Tax rounded line by line, or one minor unit, with the net amount as it is."""
    if name not in {"amount", "tax"} or not pair.ours or not pair.theirs:
        return None
    ours, theirs = pair.ours, pair.theirs
    off = (theirs.amount_minor or 0) - (ours.amount_minor or 0)
    if (theirs.tax_minor or 0) - (ours.tax_minor or 0) != (0 if ours.tax_minor is None else off):
        return None
    by_line = _line_by_line((ours.amount_minor or 0) - (ours.tax_minor or 0), facts)
    if by_line is not None and by_line == theirs.tax_minor:
        evidence = {"lines": facts.lines, "percent": str(facts.percent), "tax_by_line": by_line}
        return Explained(kind_of="rounding", cause="per_line", evidence=evidence)
    if abs(off) == 1:
        return Explained(kind_of="rounding", cause="minor_unit", evidence={"off": off})
    return None


def _line_by_line(net: int, facts: Facts) -> int | None:
    if facts.percent is None or facts.lines < 2 or net % facts.lines:  # noqa: PLR2004 - one line is the whole
        return None
    return facts.lines * tax_of(net // facts.lines, facts.percent)


def tax_of(net: int, percent: Decimal) -> int:
    """Tax on an amount in minor units, rounded half up."""
    return int((net * percent / HUNDRED).quantize(Decimal(1), ROUND_HALF_UP))


def _amended(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """Their ARR is ours without an amendment."""
    if pair.kind != "arr" or name != "amount" or not pair.theirs:
        return None
    missed = [one for one, minor in facts.without.items() if minor == pair.theirs.amount_minor]
    if not missed:
        return None
    return Explained(kind_of="legacy_error", cause="missed_amendment", evidence={"amendments": missed[0]})


def _another_zone(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """Their date is the day on which the instant behind ours fell somewhere else."""
    if name != "on_date" or not pair.ours or not pair.theirs or not pair.theirs.on_date or facts.at is None:
        return None
    if facts.at.astimezone(lens.zone).date() != pair.ours.on_date:
        return None  # ours is not the day of that instant either
    for zone in lens.zones:
        if facts.at.astimezone(zone).date() == pair.theirs.on_date:
            evidence = {"instant": facts.at.isoformat(), "zone": zone.key}
            return Explained(kind_of="legacy_error", cause="other_zone", evidence=evidence)
    return None


def _other_tax(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """The rate of another day."""
    if name not in {"amount", "tax"} or not pair.ours or not pair.theirs:
        return None
    gross, tax, theirs = pair.ours.amount_minor, pair.ours.tax_minor, pair.theirs.tax_minor
    if gross is None or tax is None or theirs is None or pair.theirs.amount_minor != gross - tax + theirs:
        return None
    for percent, when in facts.other_percents.items():
        if tax_of(gross - tax, percent) == theirs:
            return Explained(
                kind_of="logic", cause="other_tax_rate", evidence={"percent": str(percent), "held": when}
            )
    return None


def _rolled(pair: Pair, name: Field, _facts: Facts, lens: Lens) -> Explained | None:
    """Due dates moved off days on which nobody works."""
    if name != "due_date" or not pair.ours or not pair.theirs or not pair.ours.due_date:
        return None
    weekends = Calendar(lens.calendar.weekend)
    for calendar in (lens.calendar, weekends):
        if pair.theirs.due_date == calendar.after(pair.ours.due_date, 0):
            evidence = {"due_on": f"{pair.ours.due_date:%A}", "moved_to": f"{pair.theirs.due_date:%A}"}
            return Explained(kind_of="logic", cause="rolls_to_business_day", evidence=evidence)
    return None


def _replayed(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """Another rule, played on all of the customer's invoices and payments, comes to what they say; ours does not."""
    own = dict(_said(pair, facts.own)) if facts.own else {}
    theirs = pair.theirs is None if name == "key" else _of(pair.theirs, name)
    for rule, outcome in facts.replays.items():
        found = dict(_said(pair, outcome))
        if name in found and found[name] == theirs and own.get(name, ...) != theirs:
            return Explained(kind_of="logic", cause=rule, evidence={"replayed": str(found[name])})
    return None


def _of(told: Told | None, name: Field) -> object:
    return told.value(name) if told else None


def _said(pair: Pair, outcome: Settled) -> Iterator[tuple[Field, object]]:
    """What a replay says of the pair, field by field; of `key`, whether it leaves it out."""
    if pair.kind == "statuses" and pair.key in outcome.statuses:
        state, paid_on = outcome.statuses[pair.key]
        yield from (("status", state), ("on_date", paid_on))
    if pair.kind == "matches":
        match = outcome.matches.get(pair.key)
        yield "key", match is None
        if match:
            yield from (("text", match[0]), ("amount", match[1]))


def _absent(pair: Pair, name: Field, facts: Facts, lens: Lens) -> Explained | None:
    """One has what the other lacks, and rows of complete sources show which is right."""
    if name != "key" or facts.proven_through is None or facts.proven_through < lens.settle_until:
        return None
    proven: dict[str, object] = {"complete_through": facts.proven_through.isoformat()}
    if pair.theirs is None and pair.ours is not None:
        return _missed(facts, proven)
    if pair.ours is None and pair.seq == 1 and not facts.known:
        return Explained(kind_of="legacy_error", cause="in_no_source", evidence=proven)
    return None


def _missed(facts: Facts, proven: Mapping[str, object]) -> Explained:
    """They lack it; unless it may be among what could not be read, or is what we alone conclude."""
    if facts.unread_nameless:
        nameless = {"rows_without_key": facts.unread_nameless}
        return Explained(kind_of="mapping", cause="perhaps_unreadable", evidence=nameless)
    evidence = dict(proven) | {"since": str(facts.since)}
    if not facts.named:
        return Explained(kind_of="logic", cause="concluded_by_us_alone", evidence=evidence)
    return Explained(kind_of="legacy_error", cause="missed", evidence=evidence)


def _held(pair: Pair, name: Field, facts: Facts, _lens: Lens) -> Explained | None:
    """We hold it on purpose, or leave it out by a rule that our sources' rows show."""
    if name != "key" or pair.ours is not None or pair.seq > 1 or not facts.known:
        return None  # of a further row of theirs, ours has the key
    return Explained(kind_of="logic", cause="left_out_by_us", evidence={"we_hold": facts.known})


GUESSES: Sequence[Guess] = (
    _unread,
    _doubled,
    _called_otherwise,
    _not_yet,
    _ahead,
    _untranslated,
    _another_zone,
    _amended,
    _scaled,
    _rounded,
    _other_tax,
    _rolled,
    _replayed,
    _settling,
    _absent,
    _held,
)
"""In this order: the first that confirms itself counts."""
