"""The keys of one platform: key-encryption keys by id, the newest first, and the key of the indexes."""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from include.ports import Fatal

KEY_BYTES = 32
INDEX = "index"
_EXAMPLE = "index=<base64> k1=<base64>"


@dataclass(frozen=True, repr=False)
class Keyring:
    """Keys by id. It has no repr, so that no log can show them by accident.

    `in_files`: what they seal lies in clear in files beside it.
    """

    index: bytes
    kid: str
    keys: Mapping[str, bytes]
    in_files: bool = False

    @cached_property
    def ciphers(self) -> Mapping[str, AESGCM]:
        """What wraps data keys, by the id of its key."""
        return {kid: AESGCM(key) for kid, key in self.keys.items()}


def read_keyring(text: str) -> Keyring:
    """The keys as a connection holds them: `index=… k2=… k1=…` in base64; the first after the index's seals.

    Raises Fatal, without quoting anything of it.
    """
    found: dict[str, bytes] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        try:
            key = base64.b64decode(value, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES or not name.isalnum() or name in found:
            raise Fatal(f"the vault's keys must read {_EXAMPLE}, each of {KEY_BYTES} bytes and named once")
        found[name] = key
    index = found.pop(INDEX, b"")
    if not index or not found:
        raise Fatal(f"the vault's keys must read {_EXAMPLE}: the index's, and one that seals at least")
    return Keyring(index, next(iter(found)), found)


def new_keys(kid: str = "k1") -> str:
    """A new keyring's text."""
    return f"{INDEX}={new_key()} {kid}={new_key()}"


def new_key() -> str:
    """A new key in base64."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def for_files() -> Keyring:
    """For a world of files, which lie in clear beside it: the database is thrown away, and with it the key that seals.

    The index has no secret, so that everybody who reconciles the same files comes to the same certificate.
    """
    return Keyring(
        b"a world of files has no secret..", "once", {"once": os.urandom(KEY_BYTES)}, in_files=True
    )
