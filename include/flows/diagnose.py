"""Asks every system its checks, one after the other, and never stops at what is wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from include.domain.diagnosis import Answer, Check, Finding, System, Verdict
from include.ports import Retryable, Stop

AWAY = "see that it runs and that we can reach it from here, then ask again"
FAULT = "a fault of ours: tell the platform's owner"


def diagnose(
    systems: Iterable[System], *, tell: Callable[[str, str], None] = lambda _system, _check: None
) -> list[Finding]:
    """The findings in the order asked; `tell` hears of each check before it is asked.

    Where a gate of a system fails, what follows is skipped: it could only repeat it.
    """
    found: list[Finding] = []
    for system in systems:
        tell(system.name, "connection")
        checks, answer = _checks_of(system)
        if answer:
            found.append(Finding(system.name, "connection", answer))
        found += _asked(system.name, checks, tell)
    return found


def _checks_of(system: System) -> tuple[Sequence[Check], Answer | None]:
    try:
        checks = system.checks()
    except Exception as problem:  # noqa: BLE001 - a doctor reports whatever it meets
        return (), _problem(
            problem, "make or mend it in Airflow (Admin, Connections), as airflow_settings.yaml has it"
        )
    return checks, None if checks else Answer(Verdict.SKIP, "not configured, so nothing is read from it")


def _asked(system: str, checks: Sequence[Check], tell: Callable[[str, str], None]) -> Iterator[Finding]:
    lost = ""
    for check in checks:
        if lost:
            yield Finding(system, check.name, Answer(Verdict.SKIP, f"not asked: {lost} failed"))
            continue
        tell(system, check.name)
        try:
            answer = check.ask()
        except Exception as problem:  # noqa: BLE001 - a doctor reports whatever it meets
            answer = _problem(problem, check.mend)
        yield Finding(system, check.name, answer)
        if (check.gate or check is checks[0]) and answer.verdict is Verdict.FAIL:
            lost = check.name


def _problem(problem: Exception, mend: str) -> Answer:
    if isinstance(problem, Stop):
        return Answer(Verdict.FAIL, str(problem), AWAY if isinstance(problem, Retryable) else mend)
    # The message of what nobody foresaw may hold anything; its kind does not.
    return Answer(Verdict.FAIL, f"the check itself failed ({type(problem).__name__})", FAULT)
