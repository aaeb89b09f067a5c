"""Renews the OAuth2 token that all workers share: who finds it over asks for the next, alone, and keeps it first.

That somebody asks is committed before the system is asked, so that a death in between is known. Where tokens come of a
refresh token that works once, what is lost in between is lost for good: then a person signs in again, and is told so.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import sleep
from typing import Any

from include.flows.seal_token import open_token, seal_token
from include.flows.wait_for_answer import Answer, Slow, wait_for_answer
from include.ports import (
    Away,
    Fatal,
    Granted,
    Login,
    QueueingStore,
    Rejected,
    Retryable,
    Row,
    Safe,
    SignInAgain,
    Stop,
    Store,
    Token,
    Uncertain,
)

log = logging.getLogger(__name__)
PATIENCE_S = 120
"""For how long a worker waits for its turn, and then comes again."""

EARLY = timedelta(seconds=60)
"""A token is renewed so long before its end, where the system tells when that is."""

IDLE = timedelta(days=7)
"""A refresh token is used at least so often: nobody's lasts for ever unused, and Salesforce's may end after 30 days."""

IN_A_ROW_MAX, PAUSE = 5, timedelta(seconds=60)
"""So many renewals, each within a minute of the one before: the system refuses what it gives. Then one a minute."""

BREATH = timedelta(seconds=5)
"""A system that did not answer is not asked by each worker in turn, who would all wait for one another."""

ASK_S_MAX = 60.0
"""For how long the answer to a refresh token is waited for, however slowly it trickles in; later it is only kept."""

KEEP_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0)
"""When to try again to keep what came, in seconds: for a refresh token there is no second one."""

TRY_S_MAX = 11.0
"""How long one try to keep it takes where the database does not even refuse."""

SURELY_OVER = timedelta(seconds=ASK_S_MAX + sum(KEEP_AGAIN_S) + (1 + len(KEEP_AGAIN_S)) * TRY_S_MAX)
"""Who asked so long ago, and was not heard of, is given up: the next one asks. What still comes may be kept."""


@dataclass(repr=False)
class TokenBroker:
    """The token of one login. `by` is who asks here; `tell` hears every token before anybody else does, to hide it."""

    store: QueueingStore
    safe: Safe
    login: Login
    by: str
    tell: Callable[[str], None]
    pause: Callable[[float], None] = sleep

    def token(self, *, refused: int = 0) -> Token:
        """The token, of a generation newer than the one the system refused.

        Raises Retryable when it is to be had later, SignInAgain when a person must sign in, Fatal when the system
        refuses us or the vault lacks its keys.
        """
        if token := self._good(self.state(), refused):
            return token
        with self._in_turn() as alone:
            return self._renewed(alone, lambda held: self._good(held, refused), refused)

    def renew(self) -> Token:
        """Another token, however good the one held is, which stays good if none comes. Raises as `token`."""
        with self._in_turn() as alone:
            return self._renewed(alone, lambda _held: None, 0)

    def sign_in(self, granted: Granted, *, by: str) -> int:
        """Keep what a person's sign-in gave, whatever was before; its generation. Raises Retryable, Fatal."""
        self._hide(granted)
        with self._in_turn() as alone, alone.transaction() as tx:
            held = _first(tx.rows("token_to_renew", system=self.login.system))
            generation = _generation(held) + 1
            tx.run("keep_signed_in", by=by, generation=generation, **self._kept(granted, generation))
        return generation

    def check_kept(self) -> None:
        """That what comes could be kept is known before it is asked for. Raises Fatal without keys."""
        seal_token(self.safe, self.login.system, None, generation=0)

    def state(self) -> Row | None:
        """What is known of the token. Raises Retryable, Fatal."""
        with self.store.transaction() as tx:
            return _first(tx.rows("token_of", system=self.login.system))

    def _in_turn(self) -> AbstractContextManager[Store]:
        return self.store.in_turn(f"token of {self.login.system}", patience_s=PATIENCE_S)

    def _renewed(self, alone: Store, good: Callable[[Row | None], Token | None], refused: int) -> Token:
        with alone.transaction() as tx:
            held = _first(tx.rows("token_to_renew", system=self.login.system))
            if token := good(held):
                return token  # somebody renewed it while we waited
            self._may_ask(held)
            refresh_token = (
                self._opened(held)["refresh_token"] if held and self.login.by_refresh_token else ""
            )
            self.check_kept()
            [asking] = tx.rows("begin_asking", by=self.by, **self._whose())
        turn = _Turn(alone, held, asking["asking_since"], refused)
        granted = self._ask(turn, refresh_token)
        self._hide(granted)
        return self._keep(turn, replace(granted, refresh_token=granted.refresh_token or refresh_token))

    def _may_ask(self, held: Row | None) -> None:
        """Raises what keeps us from asking now."""
        login = self.login
        if held is None or held["login_sha256"] != login.sha256:
            if login.by_refresh_token:
                raise SignInAgain(
                    f"nobody has signed in to {login.system} as it is connected here: {login.sign_in}"
                )
            return
        now: datetime = held["now"]
        if held["needs_person"]:
            raise SignInAgain(held["stopped_why"])
        if held["stopped_at"] and now - held["stopped_at"] < PAUSE:
            raise Fatal(held["stopped_why"])
        if held["in_a_row"] >= IN_A_ROW_MAX and now - held["renewed_at"] < PAUSE:
            raise Away(
                f"{login.system} refused {held['in_a_row']} tokens, each soon after it gave it; trying later"
            )
        if held["away_at"] and now - held["away_at"] < BREATH:
            raise Away(f"{login.system} gave no token a moment ago; trying again later")
        once = login.by_refresh_token and not login.grace_s
        if once and held["asking_since"] and now - held["asking_since"] < SURELY_OVER:
            raise Away(
                f"the token of {login.system} is asked for by {held['asked_by']}, or was when that ended"
            )

    def _ask(self, turn: "_Turn", refresh_token: str) -> Granted:
        with self._noting(turn):
            return self._asked(turn, refresh_token)

    @contextmanager
    def _noting(self, turn: "_Turn") -> Iterator[None]:
        """What came of asking, where no token did, is written down before it is raised."""
        try:
            yield
        except Away:
            self._note(turn, "end_asking", heard=False)
            raise
        except Slow as slow:
            if self.login.grace_s:  # whoever comes next may ask with the same token
                self._note(turn, "end_asking", heard=True)
            raise Away(f"{self.login.system} gave {slow}; trying again later") from None
        except (Uncertain, Retryable) as lost:
            self._note(turn, "end_asking", heard=True)
            raise Away(f"{lost}; trying again later") from None
        except SignInAgain as void:
            lost_before = turn.held is not None and turn.held["asks"] > 0
            cause = "who asked for the next one before did not come to keep it" if lost_before else _ENDS
            why = f"{void}: {cause}. Sign in again: {self.login.sign_in}"
            self._stop(turn, why, needs_person=True)
            raise SignInAgain(why) from None
        except Fatal as refused:
            self._stop(turn, str(refused), needs_person=False)
            raise

    def _asked(self, turn: "_Turn", refresh_token: str) -> Granted:
        """As `Login.ask`; with a refresh token within ASK_S_MAX, or raises Slow and keeps what comes when it comes."""
        if not self.login.by_refresh_token:
            return self.login.ask(refresh_token)
        return wait_for_answer(
            lambda: self.login.ask(refresh_token),
            seconds=ASK_S_MAX,
            late=lambda answer: self._heard_late(replace(turn, alone=self.store), answer, refresh_token),
            name="asks for a token",
        )

    def _heard_late(self, turn: "_Turn", answer: Answer[Granted], refresh_token: str) -> None:
        """Keep what came when nobody waited any more: there is no second one."""
        try:
            with self._noting(turn):
                granted = answer.read()
            self._hide(granted)
            self._keep(turn, replace(granted, refresh_token=granted.refresh_token or refresh_token))
        except Exception as error:  # noqa: BLE001  # nobody is there to raise it to, and its words may be anybody's
            said = str(error) if isinstance(error, Stop) else type(error).__name__
            log.warning("the token of %s that was asked for a while ago: %s", self.login.system, said)
        else:
            log.info("the token of %s came late, and is kept", self.login.system)

    def _stop(self, turn: "_Turn", why: str, *, needs_person: bool) -> None:
        is_void = turn.refused >= _generation(turn.held)
        whose = {"flow": self.login.flow, "login_sha256": self.login.sha256}
        self._note(turn, "refuse_token", why=why, needs_person=needs_person, is_void=is_void, **whose)

    def _note(self, turn: "_Turn", name: str, **facts: Any) -> None:
        with turn.alone.transaction() as tx:
            tx.run(name, system=self.login.system, asking_since=turn.since, **facts)

    def _keep(self, turn: "_Turn", granted: Granted) -> Token:
        seen = _generation(turn.held)
        facts = self._kept(granted, seen + 1) | {"generation": seen, "asking_since": turn.since}
        kept = self._tried(turn.alone, facts)
        for wait_s in KEEP_AGAIN_S if kept is None else ():
            self.pause(wait_s)
            if (kept := self._tried(self.store, facts)) is not None:
                break
        if not kept:
            raise Away(
                f"what {self.login.system} gave was not kept, or somebody else's was; looking again later"
            )
        return Token(granted.access_token, granted.address, seen + 1)

    def _tried(self, store: Store, facts: Mapping[str, Any]) -> int | None:
        """How many rows took it; None where the database was away."""
        try:
            with store.transaction() as tx:
                return tx.run("keep_token", **facts)
        except Retryable:
            log.warning("the token of %s could not be kept; trying again", self.login.system)
            return None

    def _good(self, held: Row | None, refused: int) -> Token | None:
        """The token held, where it may be used."""
        if held is None or held["generation"] <= refused or held["login_sha256"] != self.login.sha256:
            return None
        ends_at, now = held["expires_at"], held["now"]
        idle = self.login.by_refresh_token and now - held["renewed_at"] > IDLE
        if held["is_void"] or idle or (ends_at and now + EARLY >= ends_at):
            return None
        try:
            opened = self._opened(held)
        except (Rejected, Fatal) as unopened:  # another's, or of a key that was taken out
            if isinstance(unopened, Fatal) and self.login.by_refresh_token:
                raise
            log.warning("the token held of %s does not open; asking for another", self.login.system)
            return None
        return Token(opened["access_token"], opened["address"], held["generation"])

    def _opened(self, held: Row) -> Mapping[str, str]:
        try:
            opened = open_token(self.safe, self.login.system, held)
        except Rejected as broken:
            if not self.login.by_refresh_token:
                raise  # another one is to be had
            raise SignInAgain(f"{broken}. Sign in again: {self.login.sign_in}") from None
        for name in ("access_token", "refresh_token"):
            if opened[name]:
                self.tell(opened[name])
        return opened

    def _hide(self, granted: Granted) -> None:
        for secret in filter(None, (granted.access_token, granted.refresh_token)):
            self.tell(secret)

    def _kept(self, granted: Granted, generation: int) -> dict[str, Any]:
        sealed = seal_token(self.safe, self.login.system, granted, generation=generation)
        return self._whose() | sealed | {"lives_s": granted.lives_s or None}

    def _whose(self) -> dict[str, str]:
        login = self.login
        return {"system": login.system, "flow": login.flow, "login_sha256": login.sha256}


@dataclass(frozen=True, repr=False)
class _Turn:
    """Whose turn it is to ask: the store in which it is, what was held, since when they ask, what was refused."""

    alone: Store
    held: Row | None
    since: datetime
    refused: int


_ENDS = "it was used elsewhere, revoked, or is too old"


def _generation(held: Row | None) -> int:
    return int(held["generation"]) if held else 0


def _first(rows: Sequence[Row]) -> Row | None:
    return next(iter(rows), None)
