"""OAuth2: what a system gives for a login, and the one token that all workers share."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, repr=False)
class Granted:
    """What a system answered who asked for a token. It has no repr, so that no log can show it by accident.

    `address`: where the token is for. `refresh_token`: empty where the flow has none, or the one used stays good.
    `lives_s`: for how long in seconds; 0 where the system does not tell.
    """

    access_token: str
    address: str
    refresh_token: str = ""
    lives_s: int = 0


@dataclass(frozen=True, repr=False)
class Token:
    """The token that is good now. `generation` grows by one with each renewal."""

    access_token: str
    address: str
    generation: int


class Login(Protocol):
    """How one system gives tokens to one login of ours."""

    @property
    def system(self) -> str:
        """As the system is called everywhere."""

    @property
    def flow(self) -> str:
        """In words: jwt bearer, client credentials, refresh token."""

    @property
    def sha256(self) -> str:
        """Names whose login it is, without its secrets: app, user and place."""

    @property
    def by_refresh_token(self) -> bool:
        """Whether a token comes of the refresh token that came with the one before, which may work once."""

    @property
    def grace_s(self) -> int:
        """For how long the system takes a refresh token again that was used, in seconds; 0: not at all."""

    @property
    def sign_in(self) -> str:
        """The command by which a person signs in; empty where nobody needs to."""

    def ask(self, refresh_token: str) -> Granted:
        """Ask for a token.

        Raises Away when the system surely did not hear, Uncertain when it may have, SignInAgain when the refresh token
        is void, Fatal when it refuses otherwise.
        """


class Tokens(Protocol):
    """Who has the token of a system."""

    def token(self, *, refused: int = 0) -> Token:
        """The token, of a generation newer than what the system refused. Raises Retryable, SignInAgain, Fatal."""
