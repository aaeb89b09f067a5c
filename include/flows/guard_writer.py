"""Asks, as the last thing before a call, whether who sends still holds the message and the token it was taken under."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from include.domain.delivery import Allowance, Message, Outcome, Result, silence_of
from include.domain.shown import cut
from include.ports import Away, Budgeted, Fatal, Retryable, Shared, Store, Target, Uncertain

DETAIL_CHARS = 500
FENCED = "another path was given the writing before this left"
TOO_LATE = "its lease was over before this left"
SILENT_MAX = 2
"""So many calls of a round without an answer, and the rest waits: each may take as long as a lease allows for some."""


class Around:
    """A target before which something is asked; what is there is there, whatever the answer."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.system, self.most = target.system, target.most

    @property
    def allowance(self) -> Allowance | None:
        """As the target's, where it says."""
        return self._target.allowance if isinstance(self._target, Budgeted) else None

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """As the target's. Raises as it does."""
        return self._target.look(messages)

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """As the target's. Raises as it does."""
        return standing_at(self._target, messages)


class Standing(Around):
    """A target that gets nothing of which what it was decided for no longer stands: that is decided again."""

    moved = Outcome(result="stale")

    def stands(self, message: Message) -> bool:
        """Whether what the message was decided for is still so."""
        raise NotImplementedError

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's, but `stale` for what must be decided again. Raises as it does."""
        moved = {message.key for message in messages if not self.stands(message)}
        left = [message for message in messages if message.key not in moved]
        return {**dict.fromkeys(moved, self.moved), **(self._target.send(left) if left else {})}


class Fenced(Around):
    """A target that is sent nothing under an old token: whoever was given the writing since is the only one who writes.

    Nor is it by who has had a message for longer than its lease: another may have sent it, and what came after it.
    """

    def __init__(self, target: Target, store: Store) -> None:
        super().__init__(target)
        self._store = store

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's, but `unsent` for what may not be sent any more. What a call raises is its outcome."""
        holding = self._holding(messages)
        left = [one for one in messages if holding.get(one.key)]
        told = {
            one.key: Outcome(result="unsent", detail=TOO_LATE if one.key in holding else FENCED)
            for one in messages
            if not holding.get(one.key)
        }
        return {**told, **(outcomes_of(self._target, left) if left else {})}

    def _holding(self, messages: Sequence[Message]) -> dict[str, bool]:
        """Those whose flow is still ours, and whether we still have them."""
        asked = {
            "keys": [one.key for one in messages],
            "kinds": [one.kind for one in messages],
            "tokens": [one.token for one in messages],
            "fences": [one.fence for one in messages],
        }
        with self._store.transaction() as tx:
            return {str(row["key"]): row["held"] for row in tx.rows("messages_that_may_leave", **asked)}


class InCalls(Around):
    """A target that is sent `at_once` messages of a round at a time: one where each is a call of its own.

    Whoever is asked before a call is asked right before it, and not before all that leave earlier.
    """

    def __init__(self, target: Target, *, at_once: int) -> None:
        super().__init__(target)
        self._at_once = at_once

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's; what a call raises is its outcome, and after one that stops, or silence, the rest waits."""
        told: dict[str, Outcome] = {}
        silent, rest = 0, Outcome(result="unsent", detail="a call before this one was stopped")
        for start in range(0, len(messages), self._at_once):
            now = outcomes_of(self._target, messages[start : start + self._at_once])
            told |= now
            silence = silence_of(now.values())
            silent = silent + 1 if silence else 0
            if silent == SILENT_MAX:
                rest = Outcome(result="unsent", detail=f"not called: {silence}"[:DETAIL_CHARS], away=True)
            if silent == SILENT_MAX or any(outcome.stops for outcome in now.values()):
                break
        return {one.key: told.get(one.key, rest) for one in messages}


def outcomes_of(target: Target, messages: Sequence[Message]) -> dict[str, Outcome]:
    """What came of each message of a call, also of one that raised: it may have happened, or it surely did not."""
    try:
        told = target.send(messages)
    except Uncertain as lost:
        return dict.fromkeys(_keys(messages), outcome_of("uncertain", lost))
    except Retryable as gone:
        return dict.fromkeys(_keys(messages), outcome_of("unsent", gone))
    except Fatal as wrong:
        return dict.fromkeys(_keys(messages), replace(outcome_of("uncertain", wrong), stops=True))
    silence = Outcome(result="uncertain", detail="the target said nothing of this message")
    return {key: told.get(key, silence) for key in _keys(messages)}


def _keys(messages: Sequence[Message]) -> list[str]:
    return [message.key for message in messages]


def outcome_of(result: Result, error: Exception) -> Outcome:
    """What an error made of a message, with its words."""
    away = isinstance(error, Away | Uncertain)
    return Outcome(result=result, detail=cut(str(error), DETAIL_CHARS), away=away)


def standing_at(target: Target, messages: Sequence[Message]) -> Mapping[str, str]:
    """Which of these effects another path caused, where the target can tell."""
    return target.standing(messages) if isinstance(target, Shared) else {}
