"""Asks, as the last thing before a call, whether who sends still holds the token under which it took the message."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from include.domain.delivery import Message, Outcome, Result
from include.domain.shown import cut
from include.ports import Fatal, Retryable, Shared, Store, Target, Uncertain

DETAIL_CHARS = 500
FENCED = "another path was given the writing before this left"


class Around:
    """A target before which something is asked; what is there is there, whatever the answer."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.system, self.most = target.system, target.most

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """As the target's. Raises as it does."""
        return self._target.look(messages)

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """As the target's. Raises as it does."""
        return standing_at(self._target, messages)


class Fenced(Around):
    """A target that is sent nothing under an old token: whoever was given the writing since is the only one who writes.

    `at_once`: messages of one call to the target. Where each message is a call, one at a time is asked about.
    """

    def __init__(self, target: Target, store: Store, *, at_once: int) -> None:
        super().__init__(target)
        self._store, self._at_once = store, at_once

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's, but `unsent` for what may not be sent any more. What a call raises is its outcome."""
        told: dict[str, Outcome] = {}
        for some in self._calls(messages):
            holding = self._holding(some)
            refused = Outcome(result="unsent", detail=FENCED)
            told |= {one.key: refused for one in some if one.key not in holding}
            left = [one for one in some if one.key in holding]
            told |= outcomes_of(self._target, left) if left else {}
            if any(outcome.stops for outcome in told.values()):
                break
        stopped = Outcome(result="unsent", detail="a call before this one was stopped")
        return {one.key: told.get(one.key, stopped) for one in messages}

    def _calls(self, messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
        for start in range(0, len(messages), self._at_once):
            yield messages[start : start + self._at_once]

    def _holding(self, messages: Sequence[Message]) -> set[str]:
        asked = {
            "keys": [one.key for one in messages],
            "kinds": [one.kind for one in messages],
            "tokens": [one.token for one in messages],
        }
        with self._store.transaction() as tx:
            return {str(row["key"]) for row in tx.rows("messages_that_may_leave", **asked)}


def outcomes_of(target: Target, messages: Sequence[Message]) -> dict[str, Outcome]:
    """What came of each message of a call, also of one that raised: it may have happened, or it surely did not."""
    try:
        told = target.send(messages)
    except Uncertain as lost:
        return dict.fromkeys(_keys(messages), outcome_of("uncertain", lost))
    except Retryable as away:
        return dict.fromkeys(_keys(messages), outcome_of("unsent", away))
    except Fatal as wrong:
        return dict.fromkeys(_keys(messages), replace(outcome_of("uncertain", wrong), stops=True))
    silence = Outcome(result="uncertain", detail="the target said nothing of this message")
    return {key: told.get(key, silence) for key in _keys(messages)}


def _keys(messages: Sequence[Message]) -> list[str]:
    return [message.key for message in messages]


def outcome_of(result: Result, error: Exception) -> Outcome:
    """What an error made of a message, with its words."""
    return Outcome(result=result, detail=cut(str(error), DETAIL_CHARS))


def standing_at(target: Target, messages: Sequence[Message]) -> Mapping[str, str]:
    """Which of these effects another path caused, where the target can tell."""
    return target.standing(messages) if isinstance(target, Shared) else {}
