"""What stopped a call, as the outcome of its message."""

from include.domain.delivery import Outcome
from include.ports import Rejected, Retryable, Uncertain

DETAIL_CHARS = 500


def stopped(stop: Rejected | Retryable | Uncertain) -> Outcome:
    """Refused for good, worth another try, or perhaps done."""
    detail = str(stop)[:DETAIL_CHARS]
    match stop:
        case Rejected():
            return Outcome(result="rejected", reason="TARGET_REJECTED", detail=detail)
        case Retryable():
            return Outcome(result="retryable", detail=detail)
        case Uncertain():
            return Outcome(result="uncertain", detail=detail)
