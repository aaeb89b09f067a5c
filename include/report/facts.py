"""What a report says: counts, and money in minor units of its currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from include.domain.proofs import ControlTotal
from include.domain.recipients import HOME_LOCALE, Scope


@dataclass(frozen=True, kw_only=True)
class AppliedTotal:
    """Payments applied by one pass; `rule` is its name in policy/matching.yaml."""

    rule: str
    currency: str
    payments: int
    amount_minor: int = 0


@dataclass(frozen=True, kw_only=True)
class BreakTotal:
    """All breaks of one code in one currency. `held` of them are payments of which nothing was applied.

    `held_minor` is what they leave of payments to a person, also of those that were applied in part. `settled` of them
    were accepted, such as written off within policy, and need nobody any more.
    """

    code: str
    name: str
    currency: str | None
    breaks: int
    amount_minor: int | None
    settled: int = 0
    held: int = 0
    held_minor: int = 0


@dataclass(frozen=True, kw_only=True)
class OpenBreak:
    """One break that needs somebody. `assignee` has it, where somebody does; `link` leads to it."""

    code: str
    name: str
    key: str
    currency: str | None
    amount_minor: int | None
    severity: str
    age_days: int
    owner: str
    action: str
    evidence: str
    assignee: str | None = None
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeTotal:
    """Breaks that `opened`, `closed` or `moved` (to another kind or amount) since the day before, in one currency."""

    change: str
    currency: str | None
    breaks: int
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True)
class PostedTotal:
    """Payments of one currency that were applied by rule, and those whose application was taken back since.

    Their worth is in SGD minor units, None where no rate is known.
    """

    currency: str
    payments: int
    amount_minor: int
    taken_back: int
    taken_back_minor: int
    worth_minor: int | None = None
    taken_back_worth_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What was applied by rule in the last `days`, as far as it stands."""

    days: int
    totals: Sequence[PostedTotal]


@dataclass(frozen=True, kw_only=True)
class AmbiguousTotal:
    """Payments held as ambiguous, by the number of invoices each could be for: 0, 1, or 2 for several."""

    candidates: int
    payments: int
    currency: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class AgingTotal:
    """Open invoices of one currency in one aging bucket."""

    currency: str
    bucket: str
    invoices: int
    open_minor: int


@dataclass(frozen=True, kw_only=True)
class ArrMonth:
    """Recurring revenue of a month, named by its first day, in one currency. `left_out`: currencies without a rate."""

    month: date
    currency: str
    opening_minor: int
    new_minor: int
    expansion_minor: int
    contraction_minor: int
    churn_minor: int
    reactivation_minor: int
    fx_minor: int
    closing_minor: int
    left_out: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class QualityVerdict:
    """What came of one expectation: `pass`, `warn` (published all the same), `fail`; `unjudged`: nobody knows.

    What is `figured` says the same with its figures as {1234.5}, where they were kept so (include/domain/figured.py).
    """

    suite: str
    expectation: str
    verdict: str
    sentence: str
    observed: str
    owner: str
    sentence_figured: str = ""
    observed_figured: str = ""


@dataclass(frozen=True, kw_only=True)
class RestatedTotal:
    """Items of one side and currency that were otherwise than the day had closed, and why."""

    side: str
    currency: str
    why: str
    items: int
    was_minor: int
    now_minor: int


@dataclass(frozen=True, kw_only=True)
class RestatedFigure:
    """A figure of the day that is another with what came since: how many, and how much in minor units."""

    what: str
    currency: str
    was: int
    now: int
    was_minor: int
    now_minor: int


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """What was learnt of a day after it was told: facts by entity, the items they changed, and the day's figures.

    How many facts of an entity: None for who sees a part, since they are of the whole.
    """

    learnt: Sequence[tuple[str, int | None]]
    items: Sequence[RestatedTotal]
    figures: Sequence[RestatedFigure] = ()


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """One run, as far as `scope` goes. `top` and `quarantined` are the first of many; the totals count all.

    `compared_with` is the day the run opens with, None on a first day; `restated_items`: what of its open items the run
    found to be otherwise than it had closed. `rest_proven`: so are the totals that are not shown.
    `nothing_loaded`: no row of any source is, in whatever part, and nothing broke.
    `corrects`: the earlier run of the day that its reader was mailed of; `again_as`: when they were mailed these
    figures before that. `unrated`: currencies in which something is open and that no rate values. `not_asked`: what
    nothing is held or shown of, so that no expectation of it could be asked. `breaks_attached_max`: rows that the
    workbook has for breaks, 0 for any number.
    `entities`: names that policy has for parts of the books.
    """

    run_id: UUID
    as_of: date
    certificate_sha256: str
    totals: Sequence[ControlTotal]
    applied: Sequence[AppliedTotal]
    ambiguous: Sequence[AmbiguousTotal]
    breaks: Sequence[BreakTotal]
    top: Sequence[OpenBreak]
    aging: Sequence[AgingTotal]
    quarantined: Sequence[str]
    compared_with: date | None = None
    changes: Sequence[ChangeTotal] = ()
    restated_items: Sequence[RestatedTotal] = ()
    arr: Sequence[ArrMonth] = ()
    quality: Sequence[QualityVerdict] = ()
    not_asked: Sequence[str] = ()
    posted: Posted | None = None
    unrated: Sequence[str] = ()
    rest_proven: bool = True
    nothing_loaded: bool = False
    restatement: Restatement | None = None
    corrects: UUID | None = None
    again_as: datetime | None = None
    breaks_attached_max: int = 0
    scope: Scope = field(default_factory=Scope)
    entities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    locale: str = HOME_LOCALE
