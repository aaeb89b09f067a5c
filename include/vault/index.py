"""What can be compared without being opened: keyed digests of values, each kind under a key of its own.

A stand-in (`pii1:…`) takes the place of a value. Names of payers have more: whether one begins as another does, which
banks' statements need, and whether one is written as its customer's name is.
"""

import hmac
import re
import unicodedata
from base64 import urlsafe_b64encode
from functools import lru_cache

from include.domain.names import company_name
from include.domain.stand_ins import PREFIX
from include.domain.text_keys import head, text_key
from include.vault.payloads import LONGEST

SURE_LETTERS = 16
"""Names of payers are one another's start from here on; shorter ones must be the same (`fill_bank_pairs`)."""

LETTERS_MAX = 1_000
"""Names are compared as far as here; a text of ten thousand letters is none."""

KEPT_MAX = 100_000
_FOLDED = {"email", "payer_text"}
_DOMAIN = re.compile(
    r"[^@\s<]@((?:[\w-]{1,63}\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}))\s*+>?\s*+\Z", re.IGNORECASE
)
"""Shaped like a host, behind somebody: what else people type behind an @, or before nothing, may be a person's too."""

_BYTES, _DIGITS = 16, 22
_STEP = 5
"""Hex digits that stand for one letter: another one has the same once in a million times."""


class Index:
    """The digests under one key. What was asked for lately is kept."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keys: dict[str, hmac.HMAC] = {}
        self.alike = lru_cache(maxsize=KEPT_MAX)(self._alike)
        self.head = lru_cache(maxsize=KEPT_MAX)(self._head)
        self.start = lru_cache(maxsize=KEPT_MAX)(self._start)
        self.likeness = lru_cache(maxsize=KEPT_MAX)(self._likeness)

    def own(self, field: str, record: str, text: str) -> str:
        """What stands for a value in one record of a world of files, and means nothing in any other."""
        return PREFIX + self._digest(f"own {field}", f"{len(record)}:{record}|{text}")

    def key_of(self, record: str) -> str:
        """What stands for a record's own key."""
        return PREFIX + self._digest("key", record)

    def version(self, version: str) -> str:
        """For the hash of a content that holds personal data."""
        return self._mac("version", version).hex()

    def _alike(self, field: str, text: str) -> str:
        """What stands for a value wherever it is; an address and a name however capital and wide they are written.

        Of an e-mail address the domain is shown.
        """
        said = unicodedata.normalize("NFKC", text).casefold() if field in _FOLDED else text
        token = PREFIX + self._digest(f"alike {field}", said)
        domain = _DOMAIN.search(text) if field == "email" else None
        return f"{token}@{domain[1]}" if domain else token

    def _head(self, name: str) -> str:
        """The same for names whose first letters are the same."""
        return self._digest("head", head(name))

    def _start(self, name: str) -> str | None:
        """What is the start of another's exactly where the names' keys are, and at least SURE_LETTERS long."""
        key = text_key(name)
        if key is None:
            return None
        sure = self._mac("start", key[:SURE_LETTERS])
        return _text(sure)[:SURE_LETTERS] + self._steps("start", sure, key[SURE_LETTERS:])

    def _likeness(self, customer_id: str, name: str) -> str:
        """What is the start of another's of the same customer exactly where one name's key is of the other's.

        Of what landing does not take it is nobody's.
        """
        return self._steps("likeness", self._mac("likeness", customer_id), company_name(name[:LONGEST]).key)

    def _steps(self, kind: str, mac: bytes, letters: str) -> str:
        """A few characters for each letter, which depend on all before it."""
        key, steps = self._of(kind), []
        for letter in letters[:LETTERS_MAX]:
            mac = _under(key, mac + letter.encode(errors="surrogatepass"))
            steps.append(mac.hex()[:_STEP])
        return "".join(steps)

    def _digest(self, kind: str, text: str) -> str:
        return _text(self._mac(kind, text))

    def _mac(self, kind: str, text: str) -> bytes:
        return _under(self._of(kind), text.encode(errors="surrogatepass"))

    def _of(self, kind: str) -> hmac.HMAC:
        """The key of one kind, at work: what is equal in two kinds does not look so."""
        if kind not in self._keys:
            self._keys[kind] = hmac.new(hmac.digest(self._key, kind.encode(), "sha256"), digestmod="sha256")
        return self._keys[kind]


def own(key: bytes, field: str, text: str) -> str:
    """What stands for a value in the record whose key it is: whoever has not that key cannot guess the value by it."""
    return PREFIX + _text(hmac.digest(key, f"{field}|{text}".encode(errors="surrogatepass"), "sha256"))


def _under(key: hmac.HMAC, message: bytes) -> bytes:
    """The message's digest under a key: a copy of one that is set up takes half the time of setting it up."""
    mac = key.copy()
    mac.update(message)
    return mac.digest()


def _text(mac: bytes) -> str:
    return urlsafe_b64encode(mac[:_BYTES])[:_DIGITS].decode()
