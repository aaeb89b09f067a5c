"""Ed25519 keys in files or as text, signatures over bytes, and what is needed to check them elsewhere."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

ALGORITHM = "Ed25519"
FINGERPRINT_DIGITS = 16


class NoKey(ValueError):
    """There is no Ed25519 key where one was expected."""


def make_key(path: Path) -> str:
    """Write a new private key that only its owner may read; its public key as hex. Raises FileExistsError."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return _hex(key.public_key())


Sign = Callable[[bytes], tuple[str, str]]
"""Signs a content: the public key and the signature, as hex."""


def sign(content: bytes, *, key: Path) -> tuple[str, str]:
    """The public key and the signature of a content, as hex. Raises NoKey, OSError."""
    return signer(key)(content)


def signer(key: Path) -> Sign:
    """Signs with the key of a file, read once. Raises NoKey, OSError."""
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except ValueError as error:
        raise NoKey(f"{key} holds no private key: {error}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise NoKey(f"{key} holds a key of another kind than {ALGORITHM}")
    return _signs_with(private)


def signer_of(seed: str) -> Sign:
    """Signs with a key given as text: its 32 bytes in hex. Raises NoKey, which says nothing of the text."""
    try:
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed.strip()))
    except ValueError:
        raise NoKey(f"an {ALGORITHM} key as text is 64 hex digits") from None
    return _signs_with(private)


def _signs_with(private: Ed25519PrivateKey) -> Sign:
    public_key = _hex(private.public_key())
    return lambda content: (public_key, private.sign(content).hex())


def holds(content: bytes, *, public_key: str, signature: str) -> bool:
    """Whether whoever has the private key signed exactly this content. Raises NoKey when that is no public key."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature), content)
    except InvalidSignature:
        return False
    except ValueError as error:
        raise NoKey(
            f"{public_key[:80]!r} is no {ALGORITHM} public key, or the signature no hex: {error}"
        ) from None
    return True


def fingerprint(public_key: str) -> str:
    """What people compare a public key by."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:FINGERPRINT_DIGITS]


def _hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
