"""One value sealed: AES-256-GCM under a data key of its own, which is wrapped by a key-encryption key.

An envelope is `version ‖ data key's id ‖ nonce ‖ ciphertext ‖ tag` and bound to what it is of: moved to another row or
column it does not open. Whoever destroys the wrapped data key has destroyed the value.
"""

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from include.ports import Fatal, Rejected
from include.ports.sealed import SealedValue
from include.vault.keys import KEY_BYTES, Keyring

VERSION = b"\x01"
_ID_BYTES, _NONCE_BYTES = 8, 12
_HEADER_BYTES = 1 + _ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True, repr=False)
class Secret:
    """A value in clear on its way into an envelope: which field of whom it is, and what stands for it."""

    token: str
    field: str
    subject: str
    text: str


def seal(keyring: Keyring, secret: Secret) -> SealedValue:
    """The value sealed by the newest key."""
    chance = os.urandom(KEY_BYTES + _ID_BYTES + _NONCE_BYTES)
    data_key, key_id, nonce = chance[:32], chance[32:40], chance[40:]
    bound = _bound(secret.field, secret.subject, secret.token, key_id.hex())
    sealed = AESGCM(data_key).encrypt(nonce, secret.text.encode(errors="surrogatepass"), bound)
    envelope = VERSION + key_id + nonce + sealed
    wrapped = wrap(keyring, data_key, secret.token)
    return SealedValue(secret.token, secret.field, secret.subject, keyring.kid, wrapped, envelope)


def unseal(keyring: Keyring, value: SealedValue) -> str:
    """The value in clear. Raises Rejected when its key is destroyed or it is not what was sealed there; Fatal."""
    data_key = unwrap(keyring, value)
    envelope = bytes(value.envelope)
    key_id, nonce = envelope[1 : 1 + _ID_BYTES], envelope[1 + _ID_BYTES : _HEADER_BYTES]
    bound = _bound(value.field, value.subject, value.token, key_id.hex())
    if envelope[:1] != VERSION or len(nonce) < _NONCE_BYTES:
        raise _not_as_sealed(value)
    try:
        return AESGCM(data_key).decrypt(nonce, envelope[_HEADER_BYTES:], bound).decode(errors="surrogatepass")
    except InvalidTag:
        raise _not_as_sealed(value) from None


def wrap(keyring: Keyring, data_key: bytes, token: str) -> bytes:
    """A data key wrapped by the newest key."""
    nonce = os.urandom(_NONCE_BYTES)
    bound = _bound("wrapped_key", token, keyring.kid)
    return nonce + keyring.ciphers[keyring.kid].encrypt(nonce, data_key, bound)


def unwrap(keyring: Keyring, value: SealedValue) -> bytes:
    """The data key of a value. Raises Rejected when it is destroyed or not its own, Fatal without the key it needs."""
    if value.wrapped_key is None:
        raise Rejected("the key of this value was destroyed", reason="DECRYPT_FAILED")
    cipher = keyring.ciphers.get(value.kid)
    if cipher is None:
        raise Fatal(f"the vault's keys lack {value.kid}, which some values are sealed by")
    wrapped = bytes(value.wrapped_key)
    if len(wrapped) < _NONCE_BYTES:
        raise _not_as_sealed(value)
    bound = _bound("wrapped_key", value.token, value.kid)
    try:
        return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound)
    except InvalidTag:
        raise _not_as_sealed(value) from None


def _bound(*parts: str) -> bytes:
    """What a ciphertext belongs to; lengths keep one part from running into the next."""
    return "|".join(("v1", "vault.sealed", *(f"{len(part)}:{part}" for part in parts))).encode()


def _not_as_sealed(value: SealedValue) -> Rejected:
    return Rejected(f"{value.token} is not as it was sealed there", reason="DECRYPT_FAILED")
