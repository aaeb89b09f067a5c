"""What stopped a call, as the outcome of its message."""

from collections.abc import Callable, Sequence

from include.domain.delivery import Message, Outcome
from include.domain.shown import cut
from include.ports import Away, Fatal, Full, Rejected, Retryable, Uncertain

DETAIL_CHARS = 500


def one_by_one(messages: Sequence[Message], act: Callable[[Message], Outcome]) -> dict[str, Outcome]:
    """Each message with its own outcome, up to one that stops all: what that one did is not sure, the rest did nothing.

    `act` raises what a call raises.
    """
    told: dict[str, Outcome] = {}
    for place, message in enumerate(messages):
        try:
            told[message.key] = act(message)
        except (Rejected, Retryable, Uncertain) as stop:
            told[message.key] = stopped(stop)
        except Fatal as wrong:
            told[message.key] = Outcome(result="uncertain", detail=cut(str(wrong), DETAIL_CHARS), stops=True)
            return told | {later.key: stopped(wrong) for later in messages[place + 1 :]}
    return told


def unknown_kind(message: Message, *, system: str) -> Rejected:
    """A message nobody here can act on: decided by a newer version than this, or a mistake. It costs itself alone."""
    return Rejected(
        f"{system} has nothing to do for a message of kind {message.kind!r}", reason="MALFORMED_PAYLOAD"
    )


def stopped(stop: Rejected | Retryable | Uncertain | Fatal) -> Outcome:
    """Refused for good, worth another try, perhaps done, or not sent because nothing can be. One away is no attempt."""
    detail = cut(str(stop), DETAIL_CHARS)
    match stop:
        case Rejected():
            return Outcome(result="rejected", reason=stop.reason, detail=detail)
        case Away():
            return Outcome(result="unsent", detail=detail, away=not isinstance(stop, Full))
        case Retryable():
            return Outcome(result="retryable", detail=detail)
        case Uncertain():
            return Outcome(result="uncertain", detail=detail, away=True)
        case Fatal():
            return Outcome(result="unsent", detail=detail, stops=True)
