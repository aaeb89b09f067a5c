"""What `tieout doctor` finds out: of each system a few checks, each with a verdict and how to mend what is wrong."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SKEW_S_WARN = 5
"""Between a system's clock and ours; rows stamped by one clock and read by the other need less than the overlap."""

SKEW_S_MAX = 120
"""Half of what signatures and logins tolerate."""


class Verdict(StrEnum):
    """How a check came out; worst last."""

    OK = "ok"
    SKIP = "skip"  # not asked: not configured, or what it needs failed
    WARN = "warn"  # works, and should be mended
    FAIL = "fail"  # does not work


@dataclass(frozen=True)
class Answer:
    """What a check found, and what to do about it unless it is well."""

    verdict: Verdict
    said: str
    mend: str = ""


@dataclass(frozen=True)
class Check:
    """One question. `ask` may raise Stop, whose message is then what was found; `mend` is what to do in that case.

    Behind a `gate` that fails nothing else can be asked of the system; the first check is one anyway.
    """

    name: str
    ask: Callable[[], Answer]
    mend: str = "see the message"
    gate: bool = False


@dataclass(frozen=True)
class System:
    """A system and its checks, in the order to ask.

    `checks` looks the connection up; it gives none where the system is not configured.
    """

    name: str
    checks: Callable[[], Sequence[Check]]


@dataclass(frozen=True)
class Finding:
    """A check's answer, with its place."""

    system: str
    check: str
    answer: Answer


def ok(said: str) -> Answer:
    """All is well."""
    return Answer(Verdict.OK, said)


def fail(said: str, mend: str) -> Answer:
    """It does not work."""
    return Answer(Verdict.FAIL, said, mend)


def warn(said: str, mend: str) -> Answer:
    """It works, and should be mended."""
    return Answer(Verdict.WARN, said, mend)


def skew(theirs: datetime, ours: datetime) -> Answer:
    """How far two clocks are apart."""
    seconds = round(abs((theirs - ours).total_seconds()))
    side = "ahead of" if theirs > ours else "behind"
    said = f"its clock is {seconds} s {side} ours"
    mend = "let both machines keep time by NTP; `timedatectl` says whether ours does"
    if seconds > SKEW_S_MAX:
        return fail(f"{said}; signatures and logins are refused", mend)
    return warn(said, mend) if seconds > SKEW_S_WARN else ok(f"its clock and ours are {seconds} s apart")


def permissions(*, few: Mapping[str, str], many: Iterable[str], mend_few: str, mend_many: str) -> Answer:
    """Too few are a failure, too many a warning. `few`: what may not be done, and what is said about it."""
    if few:
        return fail("; ".join(f"{name}: {said}" for name, said in sorted(few.items())), mend_few)
    names = ", ".join(sorted(many))
    return warn(f"our user may also {names}", mend_many) if names else ok("what is needed, and no more")


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all; OK of none."""
    order = list(Verdict)
    return max((one.answer.verdict for one in findings), key=order.index, default=Verdict.OK)
