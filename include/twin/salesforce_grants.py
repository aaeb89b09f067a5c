"""Salesforce's OAuth: clients, sessions and refresh tokens that change with every use."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import jwt

from include.twin.world import Clock

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_ORGANIZATION = "00D000000000001"


class GrantRefused(Exception):
    """OAuth's refusal: an error word and its description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass
class Grants:
    """`public_key`: PEM, of the certificate of the connected app; without one no assertion is believed.

    A refresh token works once. One that was used before is a stolen one: then the whole grant is revoked; unless that
    was less than `grace_s` seconds ago: then the same answer is given again, as other platforms than Salesforce do.
    """

    client_id: str
    client_secret: str
    clock: Clock
    public_key: str = ""
    sessions: dict[str, str] = field(default_factory=dict)
    """Access token -> the grant it came from."""
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    spent: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Authorization code -> the challenge it was asked for with, if any."""
    grace_s: int = 0
    answered: dict[str, tuple[datetime, dict[str, str]]] = field(default_factory=dict)
    logins: int = 0

    def answer(self, form: Mapping[str, str], client: tuple[str, str]) -> dict[str, str]:
        """The tokens of a token request. Raises GrantRefused."""
        kind = form.get("grant_type", "")
        if kind != JWT_BEARER:
            self._check_client(*client, public=kind == "refresh_token" and not client[1])
        match kind:
            case "client_credentials":
                return self._session("client")
            case "password":
                if not (form.get("username") and form.get("password")):
                    raise GrantRefused("invalid_grant", "authentication failure")
                return self._session("password")
            case "authorization_code":
                challenge = self.codes.pop(form.get("code", ""), None)
                if challenge is None:
                    raise GrantRefused("invalid_grant", "invalid authorization code")
                if challenge and not _same(_challenge(form.get("code_verifier", "")), challenge):
                    raise GrantRefused("invalid_grant", "invalid code verifier")
                return self._renewable(f"grant-{secrets.token_hex(8)}")
            case "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
            case _ if kind == JWT_BEARER:
                self._check_assertion(form.get("assertion", ""))
                return self._session("assertion")
        raise GrantRefused("unsupported_grant_type", "grant type not supported")

    def code(self, challenge: str = "") -> str:
        """An authorization code, as after a user said yes. `challenge`: of PKCE, S256."""
        code = f"aPrx{secrets.token_urlsafe(24)}"
        self.codes[code] = challenge
        return code

    def expire_sessions(self) -> None:
        """Every access token is worth nothing from now on."""
        self.sessions.clear()

    def _refresh(self, token: str) -> dict[str, str]:
        at, before = self.answered.get(token, (None, {}))
        if at and (self.clock() - at).total_seconds() < self.grace_s:
            return dict(before)
        if grant := self.spent.get(token):
            self.refresh_tokens = {held: of for held, of in self.refresh_tokens.items() if of != grant}
            self.sessions = {held: of for held, of in self.sessions.items() if of != grant}
        if token not in self.refresh_tokens:
            raise GrantRefused("invalid_grant", "expired access/refresh token")
        grant = self.spent[token] = self.refresh_tokens.pop(token)
        answer = self._renewable(grant)
        self.answered[token] = (self.clock(), answer)
        return dict(answer)

    def _renewable(self, grant: str) -> dict[str, str]:
        refresh_token = f"5Aep{secrets.token_urlsafe(48)}"
        self.refresh_tokens[refresh_token] = grant
        return self._session(grant) | {"refresh_token": refresh_token}

    def _session(self, grant: str) -> dict[str, str]:
        self.logins += 1
        access_token = f"{_ORGANIZATION}!{secrets.token_urlsafe(48)}"
        self.sessions[access_token] = grant
        return {"access_token": access_token}

    def _check_client(self, client_id: str, client_secret: str, *, public: bool) -> None:
        if not _same(client_id, self.client_id):
            raise GrantRefused("invalid_client_id", "client identifier invalid")
        if not public and not _same(client_secret, self.client_secret):
            raise GrantRefused("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str) -> None:
        try:
            stated = jwt.decode(
                assertion,
                self.public_key,
                algorithms=["RS256"],
                audience=AUDIENCES,
                # The twin's clock decides, not this machine's.
                options={"verify_exp": False, "require": ["exp", "iss", "sub", "aud"]},
            )
            expired = int(stated["exp"]) <= self.clock().timestamp()
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, TypeError):
            raise GrantRefused("invalid_grant", "invalid assertion") from None
        if stated["iss"] != self.client_id:
            raise GrantRefused("invalid_client_id", "client identifier invalid")
        if expired:
            raise GrantRefused("invalid_grant", "assertion expired")


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
