"""Errors, named by what to do next."""


class Stop(Exception):
    """Root of what stops a flow; the subclass says what to do next."""


class Retryable(Stop):
    """The outside system was unavailable or throttled us; try again later."""


class Away(Retryable):
    """The outside system as a whole: not reached, busy or in maintenance. It says nothing of what was asked for."""


class Full(Away):
    """The outside system answers, and takes no more of this for now: it is at a limit of its own."""


class Throttled(Retryable):
    """The outside system asks us to wait. `after_s`: for how long, in seconds; 0 when it does not say."""

    def __init__(self, *words: str, after_s: int = 0) -> None:
        super().__init__(*words)
        self.after_s = after_s


class Rejected(Stop):
    """The outside system refused this one record; park it and go on. `reason`: of delivery.park_reasons."""

    def __init__(self, *words: str, reason: str = "TARGET_REJECTED") -> None:
        super().__init__(*words)
        self.reason = reason


class Uncertain(Stop):
    """The call was sent and its answer lost; look before sending again."""


class Partly(Stop):
    """Some have it for sure and others may not. `reached` names who has it, by marks that are no addresses."""

    def __init__(self, message: str, *, reached: frozenset[str]) -> None:
        super().__init__(message)
        self.reached = reached


class Fatal(Stop):
    """Credentials, schema or configuration are wrong; stop and page someone."""


class SignInAgain(Fatal):
    """What we were let in with is void, and nothing but a person makes another: they sign in as the message says."""


class NothingUsable(Stop):
    """The input holds no row that can be used; give another."""
